import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import type { Executable, Tier } from "../src/backends/backend.js";
import { draw, drawKey, drawUnit } from "../src/random.js";
import { selectBackend } from "../src/saved/backend.js";
import { Parameters } from "../src/train/parameters.js";
import { parametersOf } from "../src/train/step/model-graphs.js";
import { FIELD, oneTableGraph, trainingRequest } from "./one-table.js";

/** One measurement, for the process that was forked for it. */
export type TierCase = PowerLawCase | PassesCase;

/** Trains each row of a table as often, in an order without locality. */
export interface PassesCase extends TableCase {
  readonly passes: number;
}

export interface PassesResult {
  readonly samplesPerSecond: number;
  readonly peakResident: number;
  readonly touched: number;
  readonly allocated: number;
  /** Of all numbers of the table and its optimizer; for small tables. */
  readonly hash?: string;
}

/** Trains on a power law until the rates have settled, then for the wanted time. */
export interface PowerLawCase extends TableCase {
  /** All rows are in the file before. */
  readonly fills: boolean;
  readonly seconds: number;
}

interface TableCase {
  readonly name: string;
  readonly rows: number;
  readonly dim: number;
  /** Bytes for the table; absent: all rows are in memory. */
  readonly memory?: number;
  readonly threads: number;
  readonly directory?: string;
}

export interface TierResult {
  readonly samplesPerSecond: number;
  /** Bytes of the process, those of its program and libraries too; at the end, and the most at any time (VmHWM). */
  readonly resident: number;
  readonly peakResident: number;
  readonly hitRate: number;
  readonly prefetchedRate: number;
  readonly missesPerSample: number;
  readonly readsPerSecond: number;
  readonly touched: number;
  readonly allocated: number;
}

const BATCH = 2048;
/** Of a call. */
const STEPS = 64;
const EXPONENT = 1.05;
/** Rows that are read to measure the disk. */
const READS = 20_000;
/** Rows of a table whose numbers are hashed. */
const MOST_HASHED = 2_000_000;

async function measurePowerLaw(each: PowerLawCase): Promise<TierResult> {
  const { parameters, tier, program } = table(each);
  if (each.fills) fill(parameters);
  const ids = powerLaw(each.rows);
  await trainFor(each.seconds, program, ids);
  const before = tier?.statistics();
  const { samples, seconds } = await trainFor(each.seconds, program, ids);
  return {
    samplesPerSecond: samples / seconds,
    resident: process.memoryUsage().rss,
    peakResident: peakResident(),
    ...traffic(tier, before, samples),
    readsPerSecond: tier ? readsPerSecond(tier) : 0,
    touched: tier?.touched().length ?? 0,
    allocated: tier?.statistics().allocated ?? 0,
  };
}

async function measurePasses(each: PassesCase): Promise<PassesResult> {
  const { parameters, tier, program } = table(each);
  const stride = strideOf(each.rows);
  const wanted = each.rows * each.passes;
  let id = 0;
  const ids = () => {
    id = (id + stride) % each.rows;
    return id;
  };
  const { samples, seconds } = await train(program, ids, (done) => done.samples < wanted);
  return {
    samplesPerSecond: samples / seconds,
    peakResident: peakResident(),
    touched: tier?.touched().length ?? each.rows,
    allocated: tier?.statistics().allocated ?? 0,
    hash: each.rows <= MOST_HASHED ? hash(parameters) : undefined,
  };
}

const peakResident = (): number => process.resourceUsage().maxRSS * 1024;

function table({ rows, dim, memory, threads, directory = tmpdir() }: TierCase) {
  const { backend } = selectBackend();
  const graph = oneTableGraph(dim, { rows, translation: { ids: rows } });
  const stores = new Map(
    memory === undefined ? [] : [[FIELD, { memory: `${memory / 1e9}GB`, path: directory }]],
  );
  const parameters = new Parameters(backend, parametersOf(graph), stores);
  parameters.initialize(1);
  const tier = parameters.tiers.get(FIELD);
  const translation = backend.translation({ kind: "quotient", by: 1, rows });
  tier?.put(translation);
  const translations = new Map([[FIELD, translation]]);
  const program = backend.compile(graph, parameters.memory, { maxBatch: BATCH, threads, translations });
  return { parameters, tier, program };
}

function hash({ all }: Parameters): string {
  const sum = createHash("sha256");
  for (const { memory } of all) {
    const numbers = new Float32Array(memory.elements);
    memory.read(0, numbers);
    sum.update(numbers);
  }
  return sum.digest("hex");
}

/** Writes all rows to the file. */
function fill({ all }: Parameters): void {
  const piece = new Float32Array(1 << 20).fill(0.01);
  for (const { attrs, memory } of all) {
    if (attrs.translation === undefined) continue;
    for (let from = 0; from < memory.elements; from += piece.length)
      memory.write(from, piece.subarray(0, memory.elements - from));
  }
}

/** Draws of a power law; neighbours in frequency are far from each other in the table. */
function powerLaw(rows: number): () => number {
  const key = drawKey(1, 2, 3);
  const power = 1 - EXPONENT;
  const factor = strideOf(rows);
  let drawn = 0;
  return () => {
    const u = drawUnit(key, drawn++) + drawUnit(key, drawn++) * 2 ** -24;
    const rank = Math.min(rows - 1, Math.floor((u * (rows ** power - 1) + 1) ** (1 / power)) - 1);
    const high = Math.floor(rank / 4096) * ((factor * 4096) % rows);
    return (high + (rank % 4096) * factor) % rows;
  };
}

/** About 0.618 of the rows, without a common factor. */
function strideOf(rows: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  let stride = Math.floor(rows * 0.618);
  while (gcd(stride, rows) > 1) stride++;
  return stride;
}

interface Done {
  readonly samples: number;
  readonly seconds: number;
}

function trainFor(wanted: number, program: Executable, ids: () => number): Promise<Done> {
  return train(program, ids, ({ seconds }) => seconds < wanted);
}

async function train(program: Executable, ids: () => number, goesOn: (done: Done) => boolean): Promise<Done> {
  let [samples, seconds, steps] = [0, 0, 1];
  while (goesOn({ samples, seconds })) {
    const request = trainingRequest(Int32Array.from({ length: STEPS * BATCH }, ids), BATCH, steps);
    const started = performance.now();
    await program.run(request);
    seconds += (performance.now() - started) / 1000;
    samples += request.rows;
    steps += STEPS;
  }
  return { samples, seconds };
}

function traffic(
  tier: Tier | undefined,
  before: ReturnType<Tier["statistics"]> | undefined,
  samples: number,
) {
  if (!tier || !before) return { hitRate: 1, prefetchedRate: 0, missesPerSample: 0 };
  const now = tier.statistics();
  const lookups = now.lookups - before.lookups;
  const hits = now.hits - before.hits;
  return {
    hitRate: hits / lookups,
    prefetchedRate: (now.prefetched - before.prefetched) / lookups,
    missesPerSample: (lookups - hits) / samples,
  };
}

/** Random rows of the file, many at once. */
function readsPerSecond(tier: Tier): number {
  const [memory] = tier.memories;
  const width = memory.elements / tier.rows;
  const touched = tier.touched();
  const key = drawKey(4, 5, 6);
  const rows = BigUint64Array.from({ length: READS }, (_, i) => touched[draw(key, i) % touched.length]);
  const before = tier.statistics().reads;
  const started = performance.now();
  memory.gather(rows, width, 0, new Float32Array(READS * width));
  return (1000 * (tier.statistics().reads - before)) / (performance.now() - started);
}

process.once("message", async (each: TierCase) => {
  process.send!("passes" in each ? await measurePasses(each) : await measurePowerLaw(each));
});
