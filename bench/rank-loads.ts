import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nativeBackend } from "../src/backends/native/backend.js";
import { fieldName } from "../src/bench/workloads.js";
import { nativeCore } from "../src/cli/native-core.js";
import type { Column } from "../src/columns/columns.js";
import { localWorlds } from "../src/distributed/world.js";
import { rowsOfShard } from "../src/graph/placement.js";
import { modelSchema } from "../src/models/index.js";
import { placedParameters, shardingOf } from "../src/passes/shard.js";
import { type Placements, placementsOf } from "../src/plan/plan-file.js";
import { Planner } from "../src/plan/planner.js";
import { drawKey, drawUnit } from "../src/random.js";
import { Parameters } from "../src/train/parameters.js";
import { inferenceGraph, trainingGraph } from "../src/train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../src/train/step/optimizers.js";
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
/** Batches in which a plan counts ids. */
const COUNTED = 2;

const NAMES = Array.from({ length: TABLES }, (_, table) => fieldName(table));
const SPEC = {
  model: modelSchema.parse({ kind: "logisticRegression", features: NAMES }),
  features: NAMES.map((name) => ({ kind: "id", name, table: name, rows: ROWS }) as const),
};

/** By table. */
type Ids = readonly Int32Array[];

/** A batch, and other rows, in which a plan counts ids. */
interface Case {
  readonly name: string;
  readonly ids: Ids;
  readonly before?: Ids;
}

/**
 * How evenly ranks are asked for rows: those of one process, through memory, in one batch of the real Criteo rows, and in one of
 * ids with their frequencies. Shares are equal, or those of a plan that has counted the ids of other rows; `rows kept` says how
 * evenly ranks then have the rows of all tables.
 */
export const rankLoads: Figure = {
  title: `rows that ${RANKS} ranks send to others, Criteo ids: the most over the mean`,
  async run({ data }) {
    const head = ["batch", "equal shares", "random owners", "planned shares", "rows kept"];
    if (data === undefined) return { head, rows: [[`needs --data, the folder of ${FILE}`, "", "", "", ""]] };
    const rows: string[][] = [];
    for (const { name, ids, before } of casesOf(readIds(join(data, FILE)))) {
      const equal = mostOverMean(await rowsSent(ids));
      const hashed = median(Array.from({ length: HASHINGS }, (_, i) => mostOverMean(hashedLoads(ids, i))));
      const shares = before && plannedShares(before, ids[0].length);
      const planned = shares && [await rowsSent(ids, shares), rowsKept(shares)].map(mostOverMean);
      const cells = [equal, hashed, ...(planned ?? [])].map((each) => each.toFixed(3));
      rows.push([name, ...cells, ...(planned ? [] : ["", ""])]);
    }
    return { head, rows };
  },
};

function readIds(path: string): Ids {
  const lines = readFileSync(path, "utf8").trim().split("\n");
  const cells = lines.map((line) => line.split("\t").slice(FIRST_COLUMN));
  return NAMES.map((_, table) =>
    Int32Array.from(cells, (row) => Number.parseInt(row[table] || "0", 16) % ROWS),
  );
}

function casesOf(real: Ids): Case[] {
  const rows = real[0].length;
  const half = rows / 2;
  const part = (begin: number, end: number) => real.map((ids) => ids.subarray(begin, end));
  const drawn = (count: number, seed: number) => real.map((ids, table) => drawIds(ids, table, count, seed));
  return [
    { name: `the ${rows} real rows`, ids: real },
    { name: "their second half, planned by the first", ids: part(half, rows), before: part(0, half) },
    {
      name: `${BATCH} rows of the same frequencies, planned by ${COUNTED} other batches`,
      ids: drawn(BATCH, 1),
      before: drawn(COUNTED * BATCH, 2),
    },
  ];
}

/** An id that occurred once stands for all that did not occur (Good 1953). */
function drawIds(ids: Int32Array, table: number, count: number, seed: number): Int32Array {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  const key = drawKey(seed, table, 0);
  return Int32Array.from({ length: count }, (_, i) => {
    const id = ids[Math.floor(ids.length * drawUnit(key, 2 * i))];
    return counts.get(id) === 1 ? Math.floor(ROWS * drawUnit(key, 2 * i + 1)) : id;
  });
}

const columnsOf = (ids: Ids) =>
  new Map(
    ids.map((data, table): [string, Column] => [NAMES[table], { kind: "id", data, offset: 0, stride: 1 }]),
  );

/** The shares of a plan for batches of `batch` rows that has counted the ids of some rows. */
function plannedShares(ids: Ids, batch: number): Placements {
  const settings = { optimizers: optimizerSchema.parse({}), l2: l2Schema.parse({}), weighted: false };
  const planner = new Planner({
    training: trainingGraph(SPEC, settings),
    inference: inferenceGraph(SPEC),
    batch,
    groups: RANKS,
    data: { rows: ids[0].length, columns: columnsOf(ids) },
    constraints: new Map(NAMES.map((name) => [name, "rowWise"])),
  });
  return placementsOf(planner.plan(RANKS));
}

/** Of all tables, by rank. */
function rowsKept(placements: Placements): number[] {
  const all = [...placements.values()];
  return Array.from({ length: RANKS }, (_, rank) =>
    all.reduce((sum, placement) => sum + rowsOfShard({ rows: ROWS, placement, rank }), 0),
  );
}

/** One batch through the exchange, by rank. */
async function rowsSent(ids: Ids, placements?: Placements): Promise<number[]> {
  const addon = nativeCore();
  const worlds = localWorlds(addon, RANKS);
  const graph = inferenceGraph(SPEC);
  const attrs = placedParameters(graph, shardingOf(RANKS, placements));
  const [{ length: count }] = ids;
  const executables = worlds.map((world) => {
    const backend = nativeBackend(addon);
    const parameters = new Parameters(backend, attrs, undefined, world.rank);
    const geometry = { tileRows: 32, groups: RANKS };
    const options = { maxBatch: count, threads: 1, geometry, world, placements };
    return backend.compile(graph, parameters.memory, options);
  });
  const request = {
    columns: columnsOf(ids),
    rows: count,
    start: 0,
    count,
    batch: count,
    seed: 0,
    firstStep: 0,
  };
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
