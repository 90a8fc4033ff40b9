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
const RATES = [undefined, { name: "10gbit", bytes: 1.25e9 }, { name: "1gbit", bytes: 1.25e8 }] as const;
const STEPS = [stepsOf("dlrm-kaggle", 2048), stepsOf("dlrm-kaggle", 8192), stepsOf("xdeepfm-criteo", 1024)];
const CASES = STEPS.flatMap((each) =>
  RATES.map((rate) => ({ ...each, rate, name: `${each.name}, ${rate?.name ?? "no limit"}` })),
);
/** UCX finds out that both hosts are one machine, and would use its memory. */
const TCP = { UCX_TLS: "tcp,self" };
/** Rounds within a job: both ways in turns. */
const TURNS = 5;

/**
 * What a network costs, and what it saves to compute while ranks exchange: two network namespaces of this machine, whose link is
 * limited, with a rank of one thread in each. The last column: a step that overlaps, over the longer of computing and sending the
 * bytes at the rate of the link. Needs root, `ip`, `tc` and MPICH.
 */
export const network: Figure = {
  title: "two ranks of one thread and the link between them, milliseconds a step",
  async run({ rounds }) {
    const head = ["workload", "bytes: ms", "in turns", "overlapping", "of the longer"];
    const launcher = LAUNCHERS.find(({ name }) => name === "MPICH");
    if (!launcher) return { head, rows: [["needs MPICH", "", "", "", ""]] };
    const results = await inRounds(CASES, rounds, async (each) => measure(launcher.command, each));
    const rows = CASES.map((each) => {
      const of = (item: (typeof CASES)[number]) => results.get(item)!;
      const all = (key: "alternating" | "overlapping") => of(each).flatMap((times) => times[key]);
      const alone = CASES.find(
        ({ workload, batch, rate }) => workload === each.workload && batch === each.batch && !rate,
      )!;
      const computing = median(of(alone).flatMap(({ alternating }) => alternating));
      const sending = each.rate ? (1000 * of(each)[0].bytes) / each.rate.bytes : 0;
      const show = (ms: number) => ms.toFixed(1);
      return [
        each.name,
        each.rate ? `${count(of(each)[0].bytes)}: ${show(sending)}` : "",
        spread(all("alternating"), show),
        spread(all("overlapping"), show),
        (median(all("overlapping")) / Math.max(computing, sending)).toFixed(2),
      ];
    });
    return { head, rows };
  },
};

function measure(command: readonly string[], { workload, batch, rate }: (typeof CASES)[number]): StepTimes {
  const folder = mkdtempSync(join(tmpdir(), "pairloom-network-"));
  const hosts = new TwoHosts("bench", folder);
  try {
    if (!hosts.up()) throw new Error("cannot make network namespaces: this needs root and `ip`");
    if (rate) hosts.limit(rate.name);
    while (!hosts.areConnected()) spawnSync("sleep", ["0.05"]);
    const node = [process.execPath, "--import", import.meta.resolve("tsx"), resolve("bench/network-rank.ts")];
    const job = [...hosts.launcher(command), "-n", "2", ...node, workload.name, String(batch), String(TURNS)];
    const { stdout, stderr, status } = spawnSync(job[0], job.slice(1), {
      encoding: "utf8",
      env: { ...process.env, ...TCP },
    });
    if (status !== 0) throw new Error(`the job ended with ${status}:\n${stderr}`);
    return JSON.parse(stdout);
  } finally {
    hosts.down();
    rmSync(folder, { recursive: true });
  }
}
