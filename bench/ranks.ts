import type { Executable } from "../src/backends/backend.js";
import { nativeBackend } from "../src/backends/native/backend.js";
import { prepareWorkload, Runner } from "../src/bench/measure.js";
import type { Workload } from "../src/bench/workloads.js";
import { nativeCore } from "../src/cli/native-core.js";
import { percent } from "../src/cli/tables.js";
import { localWorlds, SOLO, type World } from "../src/distributed/world.js";
import type { Addon } from "../src/native/addon.js";
import { count } from "../src/show-value.js";
import { type Figure, type FigureOptions, inRounds, median, spread, workloadOf } from "./figure.js";

/** Steps of a workload. */
export const stepsOf = (name: string, batch: number) => ({
  workload: workloadOf(name),
  batch,
  name: `${name}, batch ${batch}`,
});

const CASES = [stepsOf("dlrm-kaggle", 2048), stepsOf("dlrm-kaggle", 8192), stepsOf("xdeepfm-criteo", 2048)];

interface Rate {
  readonly samples: number;
  /** That a rank has sent in a step. */
  readonly bytes: number;
  /** Of the time of a rank: to wait for others and to move bytes. */
  readonly exchanging: number;
}

/**
 * One rank with all threads, and ranks of one process that divide the threads among them: what ranks cost apart from the
 * network. A rank exchanges bytes with the others through memory.
 */
export const ranks: Figure = {
  title: "training by 1 rank and by several that divide its threads, samples/s",
  async run(options) {
    const addon = nativeCore();
    const counts = [2, 4].filter((ranks) => ranks <= options.threads);
    const results = await inRounds(CASES, options.rounds, async ({ workload, batch }) => {
      const rates: Rate[] = [];
      for (const ranks of [1, ...counts]) rates.push(await rateOf(addon, workload, batch, ranks, options));
      return rates;
    });
    const rows = CASES.flatMap((each) => {
      const rounds = results.get(each)!;
      return [1, ...counts].map((ranks, i) => [
        each.name,
        `${ranks} x ${Math.floor(options.threads / ranks)}`,
        spread(rounds.map((rates) => rates[i].samples)),
        percent(median(rounds.map((rates) => rates[i].samples / rates[0].samples))),
        count(rounds[0][i].bytes),
        percent(median(rounds.map((rates) => rates[i].exchanging))),
      ]);
    });
    return {
      head: [
        "workload",
        "ranks x threads",
        "train",
        "of 1 rank",
        "bytes sent by a rank and step",
        "time in exchanges",
      ],
      rows,
    };
  },
};

export async function rateOf(
  addon: Addon,
  workload: Workload,
  batch: number,
  ranks: number,
  { seconds, threads }: FigureOptions,
): Promise<Rate> {
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon, ranks);
  const settings = { batch, seconds, threads: Math.floor(threads / ranks), precision: "fp32" } as const;
  const members = worlds.map((world) => prepareWorkload(workload, nativeBackend(addon), settings, world));
  const runner = new Runner(joined(members.map(({ training }) => training)), members[0].data, batch);
  const before = performance.now(),
    exchanged = nanosecondsOf(worlds);
  const samples = Math.round(await runner.medianRate(seconds));
  const exchanging = (nanosecondsOf(worlds) - exchanged) / ranks / (1e6 * (performance.now() - before));
  return { samples, bytes: Math.round(bytesOf(worlds[0]) / runner.step), exchanging };
}

/** Runs the program of every rank at the same time. */
function joined(ranks: readonly Executable[]): Pick<Executable, "run"> {
  return { run: async (request) => (await Promise.all(ranks.map((rank) => rank.run(request))))[0] };
}

function bytesOf(world: World): number {
  return world.traffic().reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Of all ranks together. */
function nanosecondsOf(worlds: readonly World[]): number {
  return worlds.flatMap((world) => world.traffic()).reduce((sum, { nanoseconds }) => sum + nanoseconds, 0);
}
