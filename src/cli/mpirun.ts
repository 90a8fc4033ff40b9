import { spawnSync } from "node:child_process";
import { ExecutionError } from "../errors.js";

/** A launcher of ranks on this machine. */
export interface Mpirun {
  readonly program: string;
  readonly family: "openMpi" | "mpich";
}

/** What to start, and where. */
export interface Ranks {
  readonly ranks: number;
  /** Default: this machine. */
  readonly hosts: readonly string[];
  readonly command: readonly string[];
  readonly isRoot: boolean;
}

/** Debian has both families side by side. */
const PROGRAMS = ["mpirun", "mpiexec", "mpirun.openmpi", "mpirun.mpich"];

/** @throws ExecutionError if there is none */
export function findMpirun(programs: readonly string[] = PROGRAMS): Mpirun {
  for (const program of programs) {
    const { status, stdout = "" } = spawnSync(program, ["--version"], { encoding: "utf8" });
    if (status === 0) return { program, family: /Open ?MPI|OpenRTE/i.test(stdout) ? "openMpi" : "mpich" };
  }
  throw new ExecutionError({
    what: "there is no program that starts ranks",
    got: `none of ${programs.join(", ")}`,
    expected: "mpirun of Open MPI or of MPICH",
    next: "Install it on every machine: apt-get install openmpi-bin.",
  });
}

/** The command line that starts the ranks. Nothing is bound to processors: the ranks of a machine share them evenly. */
export function mpirunCommand({ program, family }: Mpirun, ranks: Ranks): string[] {
  return [program, ...FAMILIES[family](ranks), "-n", String(ranks.ranks), ...ranks.command];
}

const FAMILIES: Readonly<Record<Mpirun["family"], (ranks: Ranks) => string[]>> = {
  openMpi: ({ hosts, isRoot, ...rest }) => [
    ...(isRoot ? ["--allow-run-as-root"] : []),
    "--tag-output",
    ...["--oversubscribe", "--bind-to", "none"],
    ...(hosts.length > 0 ? ["--host", hosts.map((host) => `${host}:${perHost(hosts, rest)}`).join(",")] : []),
    ...(process.env.PAIRLOOM_MPI ? ["-x", "PAIRLOOM_MPI"] : []),
  ],
  mpich: ({ hosts, ...rest }) => [
    "-prepend-rank",
    ...(hosts.length > 0 ? ["-hosts", hosts.join(","), "-ppn", String(perHost(hosts, rest))] : []),
  ],
};

const perHost = (hosts: readonly string[], { ranks }: Pick<Ranks, "ranks">): number =>
  Math.ceil(ranks / hosts.length);

/** How the launchers mark the lines of ranks: `[1,0]<stdout>:` and `[0] `. Open MPI also marks pieces of lines that are long. */
const MARK = /^\[(?:[^\]]*,)?(\d+)\](?:<\w+>:| )/;

/** Whether a rank has written a line, and not the launcher. */
export const isOfRank = (line: string): boolean => MARK.test(line);

/** A line as people read it: rank 0 speaks for all, other ranks say who they are. */
export function readableLine(line: string): string {
  const mark = MARK.exec(line);
  if (!mark) return line;
  const text = mark[0].endsWith(":") ? line.replaceAll(mark[0], "") : line.slice(mark[0].length);
  return mark[1] === "0" ? text : `[${mark[1]}] ${text}`;
}

/** Asks the ranks to stop with a checkpoint. Open MPI passes on this signal only; SIGTERM would end them after a second. */
export const STOP_SIGNAL: Readonly<Record<Mpirun["family"], NodeJS.Signals>> = {
  openMpi: "SIGUSR2",
  mpich: "SIGTERM",
};
