import { nativeBackend } from "../src/backends/native/backend.js";
import { prepareWorkload } from "../src/bench/measure.js";
import { measureStepShare } from "../src/bench/step-share.js";
import type { Workload } from "../src/bench/workloads.js";
import { nativeCore } from "../src/cli/native-core.js";
import { measureTopology, type Topology } from "../src/distributed/topology.js";
import { localWorlds, SOLO } from "../src/distributed/world.js";
import { Planner } from "../src/plan/planner.js";
import { type Figure, type FigureOptions, inRounds, median } from "./figure.js";
import { Ranks, stepsOf } from "./ranks.js";

const CASES = [
  stepsOf("dlrm-kaggle", 2048),
  stepsOf("dlrm-kaggle", 8192),
  stepsOf("dlrm-mlperf", 4096),
  stepsOf("deepfm-criteo", 8192),
  stepsOf("xdeepfm-criteo", 2048),
];

/** Milliseconds of a step. */
interface Step {
  readonly planned: number;
  readonly measured: number;
}

/** The time of a step as a plan says, with what was measured of the machine first, and as it is. */
export const plan: Figure = {
  title: "milliseconds of a step, by plan and measured, of ranks of one process that divide its threads",
  async run(options) {
    const counts = [1, 2, 4].filter((ranks) => ranks <= options.threads);
    const topologies: Topology[] = [];
    for (const ranks of counts) topologies.push(await topologyOf(ranks, Math.floor(options.threads / ranks)));
    const results = await inRounds(CASES, options.rounds, async ({ workload, batch }) => {
      const steps: Step[] = [];
      for (const topology of topologies) steps.push(await stepOf(workload, batch, topology, options));
      return steps;
    });
    const rows = CASES.flatMap((each) =>
      counts.map((ranks, i) => {
        const steps = results.get(each)!.map((round) => round[i]);
        const [planned, measured] = [steps.map((step) => step.planned), steps.map((step) => step.measured)];
        const shares = steps.map((step) => step.planned / step.measured);
        return [
          each.name,
          String(ranks),
          ...[planned, measured].map((of) => median(of).toPrecision(3)),
          median(shares).toFixed(2),
        ];
      }),
    );
    return { head: ["workload", "ranks", "planned", "measured", "planned / measured"], rows };
  },
};

async function stepOf(
  workload: Workload,
  batch: number,
  topology: Topology,
  options: FigureOptions,
): Promise<Step> {
  const addon = nativeCore();
  const ranks = topology.ranks.length;
  const threads = Math.floor(options.threads / ranks);
  const rate = await new Ranks(addon, workload, batch, ranks, options.threads).rate(options.seconds);
  const settings = { batch, seconds: 0, threads, precision: "fp32" } as const;
  const { graph, forward, data } = prepareWorkload(workload, nativeBackend(addon), settings);
  const planner = new Planner({
    training: graph,
    inference: forward,
    batch,
    data,
    topology,
    memory: 2 ** 40,
  });
  return { planned: 1000 * planner.plan(ranks).seconds, measured: (1000 * batch) / rate.samples };
}

/** Ranks that are measured one after the other would not share the machine, so the speeds of all of it are divided. */
async function topologyOf(ranks: number, threads: number): Promise<Topology> {
  const addon = nativeCore();
  const alone = await measureTopology(SOLO, addon, measureStepShare, ranks * threads);
  if (ranks === 1) return alone;
  const worlds = localWorlds(addon, ranks);
  const all = worlds.map((world) => measureTopology(world, addon, async () => 1, threads));
  const [{ exchanges }] = await Promise.all(all);
  return { ranks: Array.from({ length: ranks }, () => partOf(alone.ranks[0], ranks)), exchanges };
}

function partOf(rank: Topology["ranks"][number], ranks: number): Topology["ranks"][number] {
  const { threads, memory, compute, rows } = rank;
  return {
    ...rank,
    threads: threads / ranks,
    memory: { ...memory, read: memory.read / ranks },
    compute: {
      flops: compute.flops / ranks,
      bf16Flops: compute.bf16Flops / ranks,
      cache: compute.cache / ranks,
      share: compute.share,
    },
    rows: rows.map(({ dim, read, update }) => ({ dim, read: read / ranks, update: update / ranks })),
  };
}
