import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { loadAddon } from "../../src/native/addon.js";
import { isAlive, Job, LAUNCHERS, rankJob, testProgram } from "./job.js";
import { TwoHosts } from "./network.js";

/*
 * Ranks as processes, with the MPI libraries of this machine. Each fault happens to rank 1 of two, and a silent rank is lost
 * after 3 s. The long form, RANK_FAULTS=20, repeats each fault 20 times for rank 0 and rank 1, with the patience of users.
 */
const REPEATS = Number(process.env.RANK_FAULTS ?? 0);
const RANKS = REPEATS > 0 ? [0, 1] : [1];
const PATIENCE = REPEATS > 0 ? {} : { TEST_PATIENCE: "3" };
/** After this number of seconds no rank may be alive. */
const MOST_SECONDS = 30;

interface Fault {
  readonly name: string;
  readonly signal?: NodeJS.Signals;
  /** The exit code of the job; other than 0 by default. */
  readonly code?: number;
  /** What the job says, besides the rank. */
  readonly says: RegExp;
}

const FAULTS: readonly Fault[] = [
  { name: "kill -9", signal: "SIGKILL", says: /signal 9/ },
  { name: "SIGSTOP", signal: "SIGSTOP", code: 75, says: /has not been heard of for/ },
  { name: "throw", code: 1, says: /thrown for a test/ },
  { name: "exit", code: 70, says: /ends with exit code 0 before all ranks have finished/ },
];

/** Whether Linux lets a process take an open file from the one that started it. */
function canTakeFiles(): boolean {
  try {
    return (
      process.getuid!() === 0 || readFileSync("/proc/sys/kernel/yama/ptrace_scope", "utf8").trim() === "0"
    );
  } catch {
    return process.platform === "linux";
  }
}

const OPTIONS = { concurrent: true };

describe.skipIf(!loadAddon().addon).each(LAUNCHERS)(
  "ranks started by $name",
  OPTIONS,
  ({ name, command }) => {
    it("send each other bytes and finish", async () => {
      const { code, out } = await rankJob(command, 3, ["work"]).end();
      expect(code, out).toBe(0);
      expect(out).toContain(name);
      expect(out.match(/finished/g)).toHaveLength(1);
    });

    it.skipIf(!canTakeFiles())(
      "finish where a program stands between the launcher and a rank, as npx does",
      async () => {
        const { code, out } = await rankJob(command, 2, ["work"], {}, "between-entry.ts").end();
        expect(code, out).toBe(0);
        expect(out.match(/finished/g)).toHaveLength(1);
      },
    );

    it.runIf(name === "MPICH")(
      "say so if the program between has closed the way to the launcher",
      async () => {
        const env = { PMI_SIZE: "2", PMI_RANK: "0", PMI_FD: "1000" };
        const { code, out } = await new Job(testProgram("rank-entry.ts"), env).end();
        expect(code).toBe(1);
        expect(out).toContain("PMI_FD=1000: the connection to the launcher of the ranks is closed");
        expect(out).toContain("Start the ranks without npx");
      },
    );

    const cases = FAULTS.flatMap((fault) => RANKS.map((rank) => ({ ...fault, rank })));
    it.each(cases)("all end after $name of rank $rank", async ({ name: mode, signal, code, says, rank }) => {
      for (let i = 0; i < Math.max(1, REPEATS); i++) {
        const job = rankJob(command, 2, [mode, String(rank)], PATIENCE);
        const pids: number[] = JSON.parse((await job.says(/\{"pids".*\}/))[0]).pids;
        if (signal) job.kill(pids[rank], signal);
        const ended = await job.end();
        expect(ended.code, ended.out).toSatisfy((got) => (code === undefined ? got !== 0 : got === code));
        expect(ended.out).toMatch(says);
        // The launcher itself tells of a process that was killed: by rank or by process.
        if (signal !== "SIGKILL")
          expect(ended.out).toContain(`rank ${rank} (host ${hostname()}, pid ${pids[rank]})`);
        await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), 1000 * MOST_SECONDS - ended.ms);
      }
    });

    it.for(RANKS)("all end after the cable of rank %i was cut", async (rank, { skip }) => {
      const folder = mkdtempSync(join(tmpdir(), "pairloom-hosts-"));
      const hosts = new TwoHosts(`pl${process.pid % 10_000}${name[0]}${rank}`, folder);
      for (let i = 0; i < Math.max(1, REPEATS); i++) {
        try {
          if (!hosts.up()) skip("network namespaces cannot be made here");
          await vi.waitFor(() => expect(hosts.areConnected()).toBe(true), 5000);
          const job = rankJob(hosts.launcher(command), 2, ["wait"], { ...PATIENCE, UCX_TLS: "tcp,self" });
          const pids: number[] = JSON.parse((await job.says(/\{"pids".*\}/))[0]).pids;
          hosts.cut(rank);
          await job.says(/rank 1 \(host \S+, pid \d+\) has not been heard of for/);
          await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), 1000 * MOST_SECONDS);
        } finally {
          hosts.down();
        }
      }
      rmSync(folder, { recursive: true });
    });
  },
);
