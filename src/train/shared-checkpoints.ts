import { type Checkpoint, exists, type Part, readCheckpoint } from "../checkpoint/index.js";
import { type Facts, together } from "../distributed/agree.js";
import { broadcastJson, type World } from "../distributed/world.js";
import type { WatchedMetric } from "../metrics/index.js";
import type { ModelState } from "./model-state.js";
import { type CheckpointSettings, type ContentOf, RunCheckpoints } from "./run-checkpoints.js";
import { notShared } from "./shared-directory.js";

/** What training does with the checkpoints of its run. */
export type Checkpoints = Pick<RunCheckpoints, "resume" | "goOn" | "save" | "settle" | "chosen">;

/** The checkpoints of a run whose ranks have this state. */
export function checkpointsOf(
  world: World,
  state: Pick<ModelState, "saving">,
  runDir: string,
  settings: CheckpointSettings & { readonly metric: WatchedMetric },
): Checkpoints {
  const own = new RunCheckpoints(runDir, settings);
  return world.size === 1 ? own : new SharedCheckpoints(world, own, state);
}

/**
 * The checkpoints of a run of several ranks, as one of them sees them: rank 0 chooses and commits them, the others write
 * their own part. All ranks make the same calls.
 */
class SharedCheckpoints implements Checkpoints {
  private savedStep?: number;

  /** @param own of rank 0 */
  constructor(
    private readonly world: World,
    private readonly own: RunCheckpoints,
    private readonly state: Pick<ModelState, "saving">,
  ) {}

  async resume(...args: Parameters<RunCheckpoints["resume"]>): Promise<Checkpoint | undefined> {
    const checkpoint = await fromRank0(this.world, () => this.own.resume(...args));
    this.savedStep = checkpoint?.manifest.step;
    return checkpoint;
  }

  goOn(...args: Parameters<RunCheckpoints["goOn"]>): void {
    this.own.goOn(...args);
  }

  async save(step: number, content: ContentOf, options?: { prune?: boolean }): Promise<string | undefined> {
    const isSaved = this.savedStep === step;
    const save = () => this.own.save(step, content, options);
    this.savedStep = step;
    if (!isSaved) return this.state.saving(save);
    return this.leads ? save() : undefined;
  }

  async settle(prune?: boolean): Promise<void> {
    if (this.leads) await this.own.settle(prune);
  }

  async chosen(): Promise<Checkpoint> {
    return fromRank0(this.world, () => this.own.chosen());
  }

  private get leads(): boolean {
    return this.world.rank === 0;
  }
}

/**
 * The checkpoint that rank 0 chooses, on all ranks: they see one directory.
 * @throws what `choose` throws; CheckpointError if a rank does not see the checkpoint, or another one in its place
 */
export async function fromRank0<T extends Checkpoint | undefined>(
  world: World,
  choose: () => Promise<T>,
): Promise<T> {
  const chosen = await toldByRank0(world, choose);
  const read = async () => chosen && readTold(chosen);
  return (await together(world, read, (checkpoint) => (checkpoint ? factsOf(checkpoint) : {}))) as T;
}

/** A checkpoint that rank 0 has chosen. */
export interface ToldCheckpoint {
  readonly dir: string;
  /** On rank 0, which has read it. */
  readonly read?: Checkpoint;
}

/** What rank 0 chooses. @throws what `choose` throws */
export async function toldByRank0<T extends Checkpoint | undefined>(
  world: World,
  choose: () => Promise<T>,
): Promise<ToldCheckpoint | Extract<T, undefined>> {
  const read = await together(world, async () => (world.rank === 0 ? choose() : undefined));
  const dir = await broadcastJson(world, read?.dir ?? null);
  return dir === null ? (undefined as Extract<T, undefined>) : { dir, read };
}

/** @param parts which of it must be there @throws CheckpointError */
export async function readTold({ dir, read }: ToldCheckpoint, parts?: readonly Part[]): Promise<Checkpoint> {
  if (read) return read;
  if (!(await exists(dir))) throw notShared(dir);
  return readCheckpoint(dir, parts);
}

/** What must be equal on all ranks that read a checkpoint. */
export const factsOf = ({ dir, manifest }: Checkpoint): Facts => ({
  [`the checkpoint ${dir}`]: manifest.sha256,
});
