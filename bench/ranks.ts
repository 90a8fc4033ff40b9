import type { Executable } from "../src/backends/backend.js";
import { nativeBackend } from "../src/backends/native/backend.js";
import { prepareWorkload, Runner, TRAINED } from "../src/bench/measure.js";
import type { Workload } from "../src/bench/workloads.js";
import { nativeCore } from "../src/cli/native-core.js";
import { percent } from "../src/cli/tables.js";
import { localWorlds, SOLO, type World } from "../src/distributed/world.js";
import type { Addon } from "../src/native/addon.js";
import { count } from "../src/show-value.js";
import { type Figure, inRounds, median, spread, workloadOf } from "./figure.js";

/** Steps of a workload. */
export const stepsOf = (name: string, batch: number) => ({
  workload: workloadOf(name),
  batch,
  name: `${name}, batch ${batch}`,
});

/** Of a round: one rank and several in turns, as what else the machine does changes within seconds. */
const TURNS = 4;
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
      const divided = [1, ...counts].map(
        (ranks) => new Ranks(addon, workload, batch, ranks, options.threads),
      );
      const turns: Rate[][] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        const rates: Rate[] = [];
        for (const each of divided) rates.push(await each.rate(options.seconds / TURNS));
        turns.push(rates);
      }
      return turns;
    });
    const rows = CASES.flatMap((each) => {
      const turns = results.get(each)!.flat();
      return [1, ...counts].map((ranks, i) => [
        each.name,
        `${ranks} x ${Math.floor(options.threads / ranks)}`,
        spread(turns.map((rates) => rates[i].samples)),
        percent(median(turns.map((rates) => rates[i].samples / rates[0].samples))),
        count(turns[0][i].bytes),
        percent(median(turns.map((rates) => rates[i].exchanging))),
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

/** A workload on ranks of this process that divide the threads. */
export class Ranks {
  private readonly worlds: readonly World[];
  private readonly runner: Runner;

  constructor(addon: Addon, workload: Workload, batch: number, ranks: number, threads: number) {
    this.worlds = ranks === 1 ? [SOLO] : localWorlds(addon, ranks);
    const settings = { batch, seconds: 1, threads: Math.floor(threads / ranks), precision: "fp32" } as const;
    const members = this.worlds.map((world) =>
      prepareWorkload(workload, nativeBackend(addon), settings, world),
    );
    this.runner = new Runner(
      joined(members.map(({ training }) => training)),
      members[0].data,
      batch,
      TRAINED,
    );
  }

  async rate(seconds: number): Promise<Rate> {
    const before = performance.now(),
      exchanged = nanosecondsOf(this.worlds);
    const samples = Math.round(await this.runner.medianRate(seconds));
    const passed = 1e6 * (performance.now() - before) * this.worlds.length;
    return {
      samples,
      bytes: Math.round(bytesOf(this.worlds[0]) / this.runner.step),
      exchanging: (nanosecondsOf(this.worlds) - exchanged) / passed,
    };
  }
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
