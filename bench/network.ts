import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { count } from "../src/show-value.js";
import { LAUNCHERS } from "../test/ranks/job.js";
import { TwoHosts } from "../test/ranks/network.js";
import { type Figure, inRounds, median, spread } from "./figure.js";
import type { StepTimes } from "./network-rank.js";
import { stepsOf } from "./ranks.js";

/** Of a link; the first one is that of the machine's memory. */
const LIMITS = [
  { name: "none", bytes: Number.POSITIVE_INFINITY },
  { name: "10gbit", bytes: 1.25e9 },
  { name: "1gbit", bytes: 1.25e8 },
] as const;
const CASES = [stepsOf("dlrm-kaggle", 2048), stepsOf("dlrm-kaggle", 8192), stepsOf("xdeepfm-criteo", 1024)];
/** UCX finds out that both hosts are one machine, and would use its memory. */
const TCP = { UCX_TLS: "tcp,self" };
/** Of a job: all limits, and both ways with each, in turns. */
const TURNS = 5;
const HOSTS = "bench";

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
    const results = await inRounds(CASES, rounds, async (each) => measure(launcher.command, each));
    const rows = CASES.flatMap((each) => {
      const jobs = results.get(each)!;
      return LIMITS.map((limit, i) => {
        const sending = (1000 * jobs[0].bytes) / limit.bytes;
        const all = (way: Way) => jobs.flatMap(({ limits }) => limits[i][way]);
        const ofLonger = jobs.flatMap(({ limits }) =>
          limits[i].overlapping.map((ms, turn) => ms / Math.max(limits[0].alternating[turn], sending)),
        );
        return [
          each.name,
          limit.name,
          `${count(jobs[0].bytes)}: ${show(sending)}`,
          spread(all("alternating"), show),
          spread(all("overlapping"), show),
          median(ofLonger).toFixed(2),
        ];
      });
    });
    return { head, rows };
  },
};

type Way = keyof StepTimes["limits"][number];

const show = (ms: number): string => ms.toFixed(1);

function measure(command: readonly string[], { workload, batch }: (typeof CASES)[number]): StepTimes {
  const folder = mkdtempSync(join(tmpdir(), "pairloom-network-"));
  const hosts = new TwoHosts(HOSTS, folder);
  try {
    if (!hosts.up()) throw new Error("cannot make network namespaces: this needs root and `ip`");
    while (!hosts.areConnected()) spawnSync("sleep", ["0.05"]);
    const node = [process.execPath, "--import", import.meta.resolve("tsx"), resolve("bench/network-rank.ts")];
    const limits = LIMITS.map(({ name }) => name);
    const rank = [...node, workload.name, String(batch), String(TURNS), HOSTS, ...limits];
    const [program, ...args] = [...hosts.launcher(command), "-n", "2", ...rank];
    const env = { ...process.env, ...TCP };
    const { stdout, stderr, status } = spawnSync(program, args, { encoding: "utf8", env });
    if (status !== 0) throw new Error(`the job ended with ${status}:\n${stderr}`);
    return JSON.parse(stdout);
  } finally {
    hosts.down();
    rmSync(folder, { recursive: true });
  }
}
