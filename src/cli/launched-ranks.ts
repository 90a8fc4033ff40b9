import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { isOfRank, type Mpirun, readableLine, STOP_SIGNAL } from "./mpirun.js";

/** A launcher that has not ended this number of milliseconds after a loss has been reported hangs. */
const HANGS_AFTER = 5_000;
/** How rank 0 tells where ranks are, and MPICH which process was killed. */
const PLACES = /(\d+) on (\S+) \(pid (\d+)\)/g;
const KILLED = /PID (\d+) RUNNING AT (\S+)/;
/** How a line about a rank that is lost begins. */
const LOSS = /^(\[\d+\] )?pairloom: /;
/** What ssh says where it does not reach a machine. The launcher of MPICH goes on waiting for it. */
const UNREACHED = /^ssh: |Permission denied \(|^Host key verification failed/;

/** Ranks that this process has started, and shows the output of. */
export class LaunchedRanks {
  private readonly child: ChildProcess;
  /** Ranks by process, as rank 0 tells them. */
  private readonly places = new Map<string, string>();
  private stops = 0;
  private ranksSpoke = false;
  private readonly onSignal = () => {
    if (this.stops++ === 0) this.child.kill(STOP_SIGNAL[this.mpirun.family]);
    else this.kill();
  };

  constructor(
    private readonly mpirun: Mpirun,
    [program, ...args]: readonly string[],
    private readonly hangsAfter = HANGS_AFTER,
  ) {
    this.child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.show(this.child.stdout!, process.stdout);
    this.show(this.child.stderr!, process.stderr);
  }

  /** Whether no rank has said anything, and nobody has asked them to stop. */
  get areSilent(): boolean {
    return !this.ranksSpoke && this.stops === 0;
  }

  /** Waits until all have ended. The first Ctrl-C asks them to stop with a checkpoint, the second ends them. */
  async end(): Promise<number> {
    for (const name of SIGNALS) process.on(name, this.onSignal);
    try {
      const [code, signal] = await once(this.child, "close");
      return code ?? 128 + constants.signals[signal as NodeJS.Signals];
    } finally {
      for (const name of SIGNALS) process.off(name, this.onSignal);
    }
  }

  private show(from: Readable, to: Writable): void {
    createInterface({ input: from }).on("line", (line) => {
      this.ranksSpoke ||= isOfRank(line);
      const text = this.withRank(readableLine(line));
      to.write(`${text}\n`);
      if (LOSS.test(text)) setTimeout(() => this.kill(), this.hangsAfter).unref();
      if (UNREACHED.test(line)) setTimeout(() => this.areSilent && this.kill(), this.hangsAfter).unref();
    });
  }

  /** MPICH names a process that was killed by its id. */
  private withRank(line: string): string {
    for (const [, rank, host, pid] of line.matchAll(PLACES)) this.places.set(`${pid} ${host}`, rank);
    const killed = KILLED.exec(line);
    const rank = killed && this.places.get(`${killed[1]} ${killed[2]}`);
    return rank ? `${line} (rank ${rank})` : line;
  }

  /** Ends the process group of the launcher. Its connections to other machines may be in other groups, and keep its output open. */
  private kill(): void {
    const { pid, exitCode, stdout, stderr } = this.child;
    if (pid === undefined || exitCode !== null) return;
    process.kill(-pid, "SIGKILL");
    stdout?.destroy();
    stderr?.destroy();
  }
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
