import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nativeBackend } from "../src/backends/native/backend.js";
import { fieldName } from "../src/bench/workloads.js";
import { nativeCore } from "../src/cli/native-core.js";
import type { Column } from "../src/columns/columns.js";
import { localWorlds } from "../src/distributed/world.js";
import { modelSchema } from "../src/models/index.js";
import { placedParameters, shardingOf } from "../src/passes/shard.js";
import { drawKey, drawUnit } from "../src/random.js";
import { Parameters } from "../src/train/parameters.js";
import { inferenceGraph } from "../src/train/step/model-graphs.js";
import { type Figure, median } from "./figure.js";

const RANKS = 128;
const BATCH = 131_072;
/** Of each table; an id is a 32-bit hash, modulo this. */
const ROWS = 1_000_000;
const FILE = "train_first10k.tsv";
const FIRST_COLUMN = 14;
const TABLES = 26;
const STATUS_BYTES = 8;
const FP32 = 4;
/** Random owners of all rows, to see what hashing alone would give. */
const HASHINGS = 20;

/** By table. */
type Ids = readonly Int32Array[];

/**
 * How evenly ranks are asked for rows: those of one process, through memory, in one batch of the real Criteo rows, and in one of
 * ids with their frequencies.
 */
export const rankLoads: Figure = {
  title: `rows that ${RANKS} ranks send to others, Criteo ids: the most over the mean`,
  async run({ data }) {
    const head = ["batch", "ranks", "random owners", "of random owners"];
    if (data === undefined) return { head, rows: [[`needs --data, the folder of ${FILE}`, "", "", ""]] };
    const real = readIds(join(data, FILE));
    const batches: readonly [string, Ids][] = [
      [`the ${real[0].length} real rows`, real],
      [`${BATCH} rows of the same frequencies`, real.map((ids, table) => drawIds(ids, table))],
    ];
    const rows: string[][] = [];
    for (const [name, ids] of batches) {
      const sent = mostOverMean(await rowsSent(ids));
      const hashed = median(Array.from({ length: HASHINGS }, (_, i) => mostOverMean(hashedLoads(ids, i))));
      rows.push([name, sent.toFixed(3), hashed.toFixed(3), (sent / hashed).toFixed(3)]);
    }
    return { head, rows };
  },
};

function readIds(path: string): Ids {
  const lines = readFileSync(path, "utf8").trim().split("\n");
  const cells = lines.map((line) => line.split("\t").slice(FIRST_COLUMN));
  return Array.from({ length: TABLES }, (_, table) =>
    Int32Array.from(cells, (row) => Number.parseInt(row[table] || "0", 16) % ROWS),
  );
}

/** An id that occurred once stands for all that did not occur (Good 1953). */
function drawIds(ids: Int32Array, table: number): Int32Array {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  const key = drawKey(1, table, 0);
  return Int32Array.from({ length: BATCH }, (_, i) => {
    const id = ids[Math.floor(ids.length * drawUnit(key, 2 * i))];
    return counts.get(id) === 1 ? Math.floor(ROWS * drawUnit(key, 2 * i + 1)) : id;
  });
}

/** One batch through the exchange, by rank. */
async function rowsSent(ids: Ids): Promise<number[]> {
  const addon = nativeCore();
  const worlds = localWorlds(addon, RANKS);
  const names = ids.map((_, table) => fieldName(table));
  const features = names.map((name) => ({ kind: "id", name, table: name, rows: ROWS }) as const);
  const model = modelSchema.parse({ kind: "logisticRegression", features: names });
  const graph = inferenceGraph({ model, features });
  const attrs = placedParameters(graph, shardingOf(RANKS));
  const [{ length: count }] = ids;
  const executables = worlds.map((world) => {
    const backend = nativeBackend(addon);
    const parameters = new Parameters(backend, attrs, undefined, world.rank);
    const geometry = { tileRows: 32, groups: RANKS };
    return backend.compile(graph, parameters.memory, { maxBatch: count, threads: 1, geometry, world });
  });
  const columns = new Map(
    ids.map((data, table): [string, Column] => [names[table], { kind: "id", data, offset: 0, stride: 1 }]),
  );
  const request = { columns, rows: count, start: 0, count, batch: count, seed: 0, firstStep: 0 };
  await Promise.all(executables.map((each) => each.run({ ...request, scalars: new Map(), outputs: [] })));
  return worlds.map((world) => {
    const { bytes } = world.traffic().find(({ name }) => name === "rows")!;
    return (bytes - (RANKS - 1) * STATUS_BYTES) / FP32;
  });
}

/** Rows that ranks are asked for if each has a random owner. */
function hashedLoads(ids: Ids, seed: number): number[] {
  const loads = new Array<number>(RANKS).fill(0);
  ids.forEach((column, table) => {
    const key = drawKey(seed, table, 1);
    for (let rank = 0; rank < RANKS; rank++) {
      const share = [rank, rank + 1].map((r) => Math.floor((r * column.length) / RANKS));
      for (const id of new Set(column.subarray(...share))) loads[Math.floor(RANKS * drawUnit(key, id))]++;
    }
  });
  return loads;
}

function mostOverMean(loads: readonly number[]): number {
  return Math.max(...loads) / (loads.reduce((a, b) => a + b) / loads.length);
}
