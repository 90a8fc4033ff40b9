import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { count } from "../src/show-value.js";
import { LAUNCHERS } from "../test/ranks/job.js";
import { TwoHosts } from "../test/ranks/network.js";
import { type Figure, inRounds, median, spread } from "./figure.js";
import { NetworkJob } from "./network-job.js";
import { stepsOf } from "./ranks.js";

/** Of a link, as `tc` writes rates, and in bytes a second; the first one is that of the machine's memory. */
const LIMITS = [
  { rate: undefined, bytes: Number.POSITIVE_INFINITY },
  { rate: "10gbit", bytes: 1.25e9 },
  { rate: "1gbit", bytes: 1.25e8 },
] as const;
const CASES = [stepsOf("dlrm-kaggle", 2048), stepsOf("dlrm-kaggle", 8192), stepsOf("xdeepfm-criteo", 1024)];
type Case = (typeof CASES)[number];
/** UCX finds out that both hosts are one machine, and would use its memory. */
const TCP = { UCX_TLS: "tcp,self" };
const TURNS = 5;
/** Of a call that is measured, and of one before it: after fewer, TCP has not settled for a new limit. */
const STEPS = 8;
const STEPS_BEFORE = 10;

/** Milliseconds of a step, by limit and turn, and the bytes that rank 0 sends in one. */
interface StepTimes {
  readonly alternating: readonly number[][];
  readonly overlapping: readonly number[][];
  readonly bytes: number;
}

/**
 * What a network costs, and what it saves to compute while ranks exchange: two network namespaces of this machine, whose link is
 * limited, with a rank of one thread in each. The last column: a step that overlaps, over the longer of computing (a step of the
 * same turn without a limit) and sending the bytes at the rate of the link. Needs root, `ip`, `tc` and MPICH.
 */
export const network: Figure = {
  title: "two ranks of one thread and the link between them, milliseconds a step",
  async run({ rounds }) {
    const head = ["workload", "limit", "bytes: ms", "in turns", "overlapping", "of the longer"];
    const launcher = LAUNCHERS.find(({ name }) => name === "MPICH");
    if (!launcher) return { head, rows: [["needs MPICH", "", "", "", "", ""]] };
    const results = await inRounds(CASES, rounds, (each) => measure(launcher.command, each));
    return { head, rows: CASES.flatMap((each) => rowsOf(each, results.get(each)!)) };
  },
};

function rowsOf({ name }: Case, rounds: readonly StepTimes[]): string[][] {
  const { bytes } = rounds[0];
  return LIMITS.map((limit, i) => {
    const sending = (1000 * bytes) / limit.bytes;
    const ofLonger = rounds.flatMap(({ alternating, overlapping }) =>
      overlapping[i].map((ms, turn) => ms / Math.max(alternating[0][turn], sending)),
    );
    const all = (way: "alternating" | "overlapping") =>
      spread(
        rounds.flatMap((round) => round[way][i]),
        show,
      );
    const sent = `${count(bytes)}: ${show(sending)}`;
    return [
      name,
      limit.rate ?? "none",
      sent,
      all("alternating"),
      all("overlapping"),
      median(ofLonger).toFixed(2),
    ];
  });
}

const show = (ms: number): string => ms.toFixed(1);

async function measure(launcher: readonly string[], each: Case): Promise<StepTimes> {
  const folder = mkdtempSync(join(tmpdir(), "pairloom-network-"));
  const hosts = new TwoHosts("bench", folder);
  try {
    if (!hosts.up()) throw new Error("cannot make network namespaces: this needs root and `ip`");
    while (!hosts.areConnected()) spawnSync("sleep", ["0.05"]);
    const start = (...options: readonly string[]) => {
      const socket = join(folder, ["socket", ...options].join("-"));
      const command = [
        ...hosts.launcher(launcher),
        "-n",
        "2",
        ...RANK,
        socket,
        each.workload.name,
        String(each.batch),
      ];
      return NetworkJob.start([...command, ...options], TCP, socket);
    };
    const jobs = [await start(), await start("overlaps")];
    const times = await inTurns(hosts, jobs);
    for (const job of jobs) await job.end();
    return times;
  } finally {
    hosts.down();
    rmSync(folder, { recursive: true });
  }
}

const RANK = [process.execPath, "--import", import.meta.resolve("tsx"), resolve("bench/network-rank.ts")];

/** Each way is a program in processes of its own, as in a run. */
async function inTurns(hosts: TwoHosts, jobs: readonly NetworkJob[]): Promise<StepTimes> {
  const times = jobs.map(() => LIMITS.map((): number[] => []));
  const before = await jobs[0].call(STEPS);
  let last = before;
  for (let turn = 0; turn < TURNS; turn++)
    for (const [limit, { rate }] of LIMITS.entries()) {
      hosts.limit(rate);
      for (const [way, job] of jobs.entries()) {
        await job.call(STEPS_BEFORE);
        const told = await job.call(STEPS);
        times[way][limit].push(told.ms);
        if (way === 0) last = told;
      }
    }
  const [alternating, overlapping] = times;
  return {
    alternating,
    overlapping,
    bytes: Math.round((last.bytes - before.bytes) / (last.steps - before.steps)),
  };
}
