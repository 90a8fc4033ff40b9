import { tmpdir } from "node:os";
import type { Executable, RunRequest, Tier } from "../src/backends/backend.js";
import { LABEL_COLUMN } from "../src/columns/columns.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { draw, drawKey, drawUnit } from "../src/random.js";
import { selectBackend } from "../src/saved/backend.js";
import { Parameters } from "../src/train/parameters.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";
import { parametersOf, trainingGraph } from "../src/train/step/model-graphs.js";
import { optimizerSchema } from "../src/train/step/optimizers.js";

/** One measurement, for the process that was forked for it. */
export interface TierCase {
  readonly name: string;
  readonly rows: number;
  readonly dim: number;
  /** Bytes for the table; absent: all rows are in memory. */
  readonly memory?: number;
  /** All rows are in the file before. */
  readonly fills: boolean;
  readonly seconds: number;
  readonly threads: number;
  readonly directory?: string;
}

export interface TierResult {
  readonly samplesPerSecond: number;
  /** Bytes of the process, but for its files. */
  readonly resident: number;
  readonly hitRate: number;
  readonly prefetchedRate: number;
  readonly missesPerSample: number;
  readonly readsPerSecond: number;
  readonly touched: number;
  readonly allocated: number;
}

const FIELD = "id";
const BATCH = 2048;
/** Of a call. */
const STEPS = 64;
const EXPONENT = 1.05;
/** Rows that are read to measure the disk. */
const READS = 20_000;

/** Measures until the rates have settled, then for the wanted time. */
async function measure(each: TierCase): Promise<TierResult> {
  const { backend } = selectBackend();
  const graph = graphOf(each);
  const { rows, memory, threads, directory = tmpdir() } = each;
  const stores = new Map(
    memory === undefined ? [] : [[FIELD, { memory: `${memory / 1e9}GB`, path: directory }]],
  );
  const parameters = new Parameters(backend, parametersOf(graph), stores);
  parameters.initialize(1);
  const tier = parameters.tiers.get(FIELD);
  const translation = backend.translation({ kind: "quotient", by: 1, rows });
  tier?.put(translation);
  if (each.fills) fill(parameters);
  const translations = new Map([[FIELD, translation]]);
  const program = backend.compile(graph, parameters.memory, { maxBatch: BATCH, threads, translations });
  const ids = powerLaw(rows);
  await train(program, ids, each.seconds);
  const before = tier?.statistics();
  const { samples, seconds } = await train(program, ids, each.seconds);
  return {
    samplesPerSecond: samples / seconds,
    resident: process.memoryUsage().rss,
    ...traffic(tier, before, samples),
    readsPerSecond: tier ? readsPerSecond(tier) : 0,
    touched: tier?.touched().length ?? 0,
    allocated: tier?.statistics().allocated ?? 0,
  };
}

function graphOf({ rows, dim }: TierCase) {
  const model = modelSchema.parse({
    ...{ kind: "dcnV2", features: [FIELD], embeddingDim: dim, cross: { layers: 1 } },
  });
  const initializer = { kind: "uniform", low: -0.01, high: 0.01 } as const;
  const feature: FeatureInfo = {
    kind: "id",
    name: FIELD,
    table: FIELD,
    initializer,
    rows,
    translation: { ids: rows },
  };
  const optimizers = optimizerSchema.parse({ embedding: { kind: "adagrad", learningRate: 0.01 } });
  const l2 = { dense: 0, embedding: 0, rows: "touched" } as const;
  return trainingGraph({ model, features: [feature] }, { optimizers, l2, weighted: false });
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

async function train(program: Executable, ids: () => number, wanted: number) {
  let [samples, seconds, steps] = [0, 0, 1];
  while (seconds < wanted) {
    const request = requestOf(Int32Array.from({ length: STEPS * BATCH }, ids), steps);
    const started = performance.now();
    await program.run(request);
    seconds += (performance.now() - started) / 1000;
    samples += request.rows;
    steps += STEPS;
  }
  return { samples, seconds };
}

function requestOf(data: Int32Array, firstStep: number): RunRequest {
  const rows = data.length;
  return {
    columns: new Map([
      [FIELD, { kind: "id", data, offset: 0, stride: 1 }],
      [LABEL_COLUMN, { kind: "number", data: new Float32Array(rows), offset: 0, stride: 1, width: 1 }],
    ]),
    ...{ rows, start: 0, count: rows, batch: BATCH, seed: 0, firstStep, outputs: [] },
    scalars: new Map(Object.values(LEARNING_RATES).map((name) => [name, new Float32Array(STEPS).fill(0.01)])),
  };
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
  process.send!(await measure(each));
});
