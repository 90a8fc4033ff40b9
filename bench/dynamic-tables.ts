import type { NativeExecutable } from "../src/backends/native/backend.js";
import { KEYS } from "../src/graph/translation.js";
import { draw, drawKey } from "../src/random.js";
import { selectBackend } from "../src/saved/backend.js";
import { Parameters } from "../src/train/parameters.js";
import { parametersOf } from "../src/train/step/model-graphs.js";
import { attachMemories } from "../src/train/translations.js";
import { type Figure, inRounds, median, spread } from "./figure.js";
import { FIELD, oneTableGraph, trainingRequest } from "./one-table.js";

const CAPACITY = 1_000_000;
const BATCH = 16_384;
const STRIDE = 618_033;
const DIM = 32;
/** The operations that gather rows and update them. */
const STATIC = /^(embedding|table)/;

interface Case {
  readonly name: string;
  /** Keys that have rows before. */
  readonly filled: number;
}

const CASES: readonly Case[] = [
  { name: "1M keys into an empty table", filled: 0 },
  { name: "100k keys into a table that is 90 % full", filled: 0.9 * CAPACITY },
];

/** What it costs to look up unique keys and to give them rows, against gathering and updating the same rows. */
export const dynamicTables: Figure = {
  title: `dynamic table of ${CAPACITY} rows of ${DIM} numbers and as many of Adagrad, nanoseconds a key on one thread`,
  async run({ rounds }) {
    const results = await inRounds(CASES, rounds, ({ filled }) => costOf(filled));
    const rows = CASES.map((each) => {
      const costs = results.get(each)!;
      const [translate, rest, inOrder] = (["translate", "rows", "inOrder"] as const).map((part) =>
        costs.map((cost) => cost[part]),
      );
      const show = (value: number) => value.toFixed(0);
      const ratio = (of: (cost: Cost) => number) =>
        median(costs.map((cost) => cost.translate / of(cost))).toFixed(2);
      const ratios = [ratio((cost) => cost.rows), ratio((cost) => cost.inOrder)];
      return [each.name, ...[translate, rest, inOrder].map((values) => spread(values, show)), ...ratios];
    });
    return {
      head: ["", "lookup + insert", "gather + update", "the same in order", "ratio", "to in order"],
      rows,
    };
  },
};

/** Nanoseconds a key. */
interface Cost {
  readonly translate: number;
  /** Gathering and updating rows of a fixed table without locality, and rows one after the other in memory. */
  readonly rows: number;
  readonly inOrder: number;
}

/** The rows are those of a fixed table, in an order without locality. */
async function costOf(filled: number): Promise<Cost> {
  const { translate, rows: inOrder } = await dynamicCost(filled);
  const { rows } = await fixedCost(CAPACITY - filled);
  return { translate, rows, inOrder };
}

async function fixedCost(count: number) {
  const { backend } = selectBackend();
  const graph = oneTableGraph(DIM, { rows: CAPACITY });
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(0);
  const executable = backend.compile(graph, parameters.memory, {
    maxBatch: BATCH,
    threads: 1,
  }) as NativeExecutable;
  executable.startProfile();
  // The stride has no common factor with the number of rows, so every row comes once.
  const ids = Int32Array.from({ length: count }, (_, i) => (i * STRIDE) % CAPACITY);
  await executable.run(trainingRequest(ids, BATCH, 1));
  return nanosecondsOf(executable, count);
}

async function dynamicCost(filled: number) {
  const { backend } = selectBackend();
  const graph = oneTableGraph(DIM, { rows: CAPACITY + 1, translation: { ids: KEYS } });
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(0);
  const spec = { kind: "dynamic", capacity: CAPACITY, growFrom: CAPACITY, unknown: "zero" } as const;
  const table = backend.translation({ ...spec, evict: { kind: "never" } });
  const translations = new Map([[FIELD, table]]);
  attachMemories(translations, parameters.all, 0);
  // Pages of the weights are there before, as they are in a table of fixed size.
  for (const { memory } of parameters.all) memory.fill({ kind: "constant", value: 0 }, 0, 0);
  const keys = uniqueKeys(CAPACITY);
  if (filled > 0) table.insert(keys.slice(0, filled));
  const options = { maxBatch: BATCH, threads: 1, translations };
  const executable = backend.compile(graph, parameters.memory, options) as NativeExecutable;
  executable.startProfile();
  await executable.run(trainingRequest(keys.subarray(filled), BATCH, 1));
  return nanosecondsOf(executable, CAPACITY - filled);
}

/** An odd factor makes different keys of different numbers. */
function uniqueKeys(count: number): BigInt64Array {
  const random = drawKey(0, 1, 0);
  return BigInt64Array.from(
    { length: count },
    (_, i) => BigInt.asIntN(63, BigInt(i) * 0x9e3779b97f4a7c15n) ^ BigInt(draw(random, 0)),
  );
}

function nanosecondsOf(executable: NativeExecutable, keys: number) {
  const { instructions } = executable.profile();
  const sum = (isPart: (name: string) => boolean) =>
    instructions.reduce(
      (total, { instruction, nanoseconds }) => total + (isPart(instruction.name) ? nanoseconds : 0),
      0,
    );
  return {
    translate: sum((name) => name === "translate") / keys,
    rows: sum((name) => STATIC.test(name)) / keys,
  };
}
