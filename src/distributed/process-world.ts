import { ExecutionError, PairloomError } from "../errors.js";
import type { Addon } from "../native/addon.js";
import type { WorldHandle } from "../native/world-calls.js";
import { NativeWorld } from "./world.js";

/** What has started this process as one of several ranks. */
export interface Launcher {
  /** Of the launcher, with the article if it needs one. */
  readonly name: string;
  readonly ranks: number;
  /** The rank of this process. */
  readonly rank: number;
  /** The MPI libraries that fit, the best first. */
  readonly libraries: readonly string[];
  /** What to install where none of them is there. */
  readonly install: string;
}

/** Seconds without a sign of a rank after which it is lost. */
const PATIENCE = 20;
/** The exit codes of a process that nothing has handled an error of, and that ends with 0 before its work is done. */
const UNHANDLED = 1;
const UNFINISHED = 70;

/**
 * Ranks that are processes. When one is lost, all end within half a minute, with a line that names it and an exit code
 * other than 0. So does a rank that exits before {@link finish}.
 */
export class ProcessWorld extends NativeWorld {
  private readonly onExit = (code: number) =>
    this.fail(`the process ends with exit code ${code} before all ranks have finished`, code || UNFINISHED);
  private readonly onError = (error: unknown) =>
    this.fail(error instanceof Error ? (error.stack ?? error.message) : String(error), UNHANDLED);

  private constructor(
    addon: Addon,
    handle: WorldHandle,
    /** The MPI library, as it names itself. */
    readonly library: string,
  ) {
    super(addon, handle);
    process.once("exit", this.onExit);
    process.once("uncaughtExceptionMonitor", this.onError);
  }

  /** @throws ExecutionError if there is no MPI library, or one that does not know this launcher */
  static async open(addon: Addon, launcher: Launcher, patience = PATIENCE): Promise<ProcessWorld> {
    const { handle, version } = await addon
      .openWorld(launcher.libraries, patience)
      .catch((error) => refuse(error, launcher));
    const world = new ProcessWorld(addon, handle, version);
    if (world.size === launcher.ranks) return world;
    await world.finish();
    throw strange(world, launcher);
  }

  /** Waits until all ranks have done their work. Nothing can be sent afterwards. */
  async finish(): Promise<void> {
    await this.addon.finishWorld(this.handle, Number(process.exitCode ?? 0));
    process.off("exit", this.onExit);
    process.off("uncaughtExceptionMonitor", this.onError);
  }

  /**
   * Ends this process and all other ranks.
   * @param reason for people, told by rank 0; empty if they know it
   */
  fail(reason: string, code: number): never {
    this.addon.worldAbort(this.handle, reason, code);
    throw new ExecutionError({ what: reason }); // not reached
  }
}

function refuse(error: unknown, { name, install }: Launcher): never {
  if (!(error instanceof PairloomError)) throw error;
  const missing = `Install it on every machine: ${install}. Or set PAIRLOOM_MPI to the path of the library.`;
  const { where = `a process started by ${name}`, next = missing } = error.report;
  throw new ExecutionError({ ...error.report, where, next }, { cause: error });
}

function strange({ library, size }: ProcessWorld, { name, ranks }: Launcher): ExecutionError {
  return new ExecutionError({
    what: "the MPI library does not belong to the launcher of this process",
    where: library,
    got: `a world of ${size}`,
    expected: `the ${ranks} ranks that ${name} has started`,
    next: "Start the ranks with the mpirun of this library, or set PAIRLOOM_MPI to the path of the library of the launcher.",
  });
}
