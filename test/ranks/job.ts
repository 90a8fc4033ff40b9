import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** The launchers of this machine. Tests of ranks are skipped where there is none: `.ci/run` installs them. */
export const LAUNCHERS = [
  { name: "Open MPI", command: ["mpirun.openmpi", "--oversubscribe", "--allow-run-as-root"] },
  { name: "MPICH", command: ["mpirun.mpich"] },
].filter(({ command: [program] }) => spawnSync(program, ["--version"]).status === 0);

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  /** Milliseconds since the job began, or since the last `kill`. */
  readonly ms: number;
}

/** Processes started by a launcher. */
export class Job {
  private out = "";
  private since = performance.now();
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;

  constructor(command: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command[0], command.slice(1), { env: { ...process.env, ...env } });
    const take = (text: Buffer) => {
      this.out += stripVTControlCharacters(String(text));
    };
    this.child.stdout!.on("data", take);
    this.child.stderr!.on("data", take);
    this.ended = new Promise((done) => this.child.on("close", done));
  }

  /** Waits until the output matches. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.out);
      if (found) return found;
      const end = this.child.exitCode ?? this.child.signalCode;
      if (end !== null) throw new Error(`the job has ended (${end}):\n${this.out}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  kill(pid: number, signal: NodeJS.Signals): void {
    this.since = performance.now();
    process.kill(pid, signal);
  }

  async end(): Promise<Ended> {
    const code = await this.ended;
    return { code, out: this.out, ms: performance.now() - this.since };
  }
}

/** Node, for programs in TypeScript. */
const NODE = [process.execPath, "--import", import.meta.resolve("tsx")];

/** How to start a program beside this file. */
export function testProgram(name: string): string[] {
  return [...NODE, resolve("test/ranks", name)];
}

/** A job of a program beside this file. */
export function rankJob(
  launcher: readonly string[],
  ranks: number,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
  program = "rank-entry.ts",
): Job {
  return new Job([...launcher, "-n", String(ranks), ...testProgram(program), ...args], env);
}

/** Whether a process runs: one that has ended and is not yet waited for does not. */
export function isAlive(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}
