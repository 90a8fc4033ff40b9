import { describe, expect, it } from "vitest";
import type { Backend, Memory, RunResult } from "../src/backends/backend.js";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { valuesByName, valuesOf } from "../src/backends/testing.js";
import type { Column } from "../src/columns/columns.js";
import { permutation } from "../src/columns/order.js";
import type { AccumulationGroups } from "../src/graph/accumulation.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import type { Initializer } from "../src/graph/initializer.js";
import { PRECISIONS } from "../src/graph/precision.js";
import { fp32, type TableDtype } from "../src/graph/tensor.js";
import type { Numbers } from "../src/half.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { OPS } from "../src/ops/index.js";
import { simplify } from "../src/passes/compile.js";
import { Parameters } from "../src/train/parameters.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";
import { clipSchema } from "../src/train/step/clip.js";
import { inferenceGraph, parametersOf, SCORE_COUNTS, trainingGraph } from "../src/train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../src/train/step/optimizers.js";
import { ISAS, nativeOn } from "./backends.js";
import { CLIPS, DTYPES, EMBEDDING, sampleColumns } from "./training-cases.js";

const ROWS = 2500;
const BATCH = 700;
const STEPS = 8;
const SEED = 5;

interface TableDtypes {
  readonly user: TableDtype;
  readonly item: TableDtype;
}

const FLOATS: TableDtypes = { user: "fp32", item: "fp32" };

function featuresWith({ user, item }: TableDtypes): readonly FeatureInfo[] {
  const items = { table: "item", rows: 5, dtype: item };
  return [
    { kind: "number", name: "numbers", width: 3 },
    { kind: "id", name: "user", table: "user", rows: 300, dtype: user },
    { kind: "id", name: "item", ...items },
    { kind: "ids", name: "seen", ...items, pooling: "mean" },
    { kind: "ids", name: "liked", ...items, pooling: "sum" },
  ];
}

const FEATURES = featuresWith(FLOATS);

/**
 * Batch normalization makes phases, dropout draws, hot rows many duplicates. No bias: normalization would make its
 * gradient mere rounding.
 */
const MODEL = modelSchema.parse({
  kind: "mlp",
  features: FEATURES.map(({ name }) => name),
  embeddingDim: 4,
  mlp: { hiddenUnits: [19, 8], norm: "batch", dropout: 0.3, bias: false },
});

/** As chosen; one tile per group, of which two are taken at once; several tiles per group. */
const GEOMETRIES: readonly { geometry?: AccumulationGroups }[] = [
  {},
  { geometry: { tileRows: 32, groups: 64 } },
  { geometry: { tileRows: 32, groups: 5 } },
];

const DENSE = ["sgd", "adagrad", "adam", "adamw"];
const COMBINATIONS = EMBEDDING.map((embedding, i) => ({
  dense: { kind: DENSE[i % DENSE.length] },
  embedding,
  clip: CLIPS[i % CLIPS.length] && clipSchema.parse(CLIPS[i % CLIPS.length]),
  precision: PRECISIONS[i % PRECISIONS.length],
  tables: { user: DTYPES[i % 3], item: DTYPES[(i + 1) % 3] },
}));

const COLUMNS = sampleColumns({ rows: ROWS, users: 300, items: 5 });

interface Training {
  readonly weights: ReadonlyMap<string, Memory>;
  /** Steps `[from, to)` of the epoch; the last step of the epoch has fewer rows. */
  readonly run: (from: number, to: number) => RunResult;
}

type Combination = (typeof COMBINATIONS)[number];

function graphOf({ clip, precision, tables, ...optimizers }: Combination): Graph {
  const settings = {
    optimizers: optimizerSchema.parse(optimizers),
    l2: l2Schema.parse({ embedding: 0.001 }),
    clip,
  };
  return trainingGraph(
    { model: MODEL, features: featuresWith(tables), precision },
    { ...settings, weighted: false },
  );
}

function training(backend: Backend, threads: number, graph: Graph, geometry?: AccumulationGroups): Training {
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(SEED);
  const executable = backend.compile(graph, parameters.memory, { maxBatch: BATCH, threads, geometry });
  const steps = Math.ceil(ROWS / BATCH);
  const run = (from: number, to: number): RunResult => {
    let result: RunResult = new Map();
    for (let step = from, end = from; step < to; step = end) {
      const epoch = Math.floor(step / steps);
      end = Math.min(to, (epoch + 1) * steps);
      const start = (step % steps) * BATCH;
      const rate = Float32Array.from({ length: end - step }, (_, i) => 0.02 / (1 + step + i));
      result = executable.runSync({
        columns: COLUMNS,
        rows: ROWS,
        start,
        count: Math.min(ROWS - start, (end - step) * BATCH),
        batch: BATCH,
        shuffle: { seed: SEED, epoch },
        seed: SEED,
        firstStep: step,
        scalars: new Map(Object.values(LEARNING_RATES).map((name) => [name, rate])),
      });
    }
    return result;
  };
  return { weights: parameters.memory, run };
}

/** Every byte that a step leaves, by name. */
function bits(arrays: Iterable<readonly [string, Numbers]>): Map<string, string> {
  return new Map(
    [...arrays].map(([name, { buffer, byteOffset, byteLength }]) => [
      name,
      Buffer.from(buffer, byteOffset, byteLength).toString("hex"),
    ]),
  );
}

if (ISAS.length === 0) it.skip("needs the native core: npm run build:native", () => undefined);

describe.each(ISAS)("native %s", (isa) => {
  describe.each(COMBINATIONS)("$dense.kind with tables $tables by $embedding, $precision", (combination) => {
    const graph = graphOf(combination);
    const whole = (geometry?: AccumulationGroups) => {
      const one = training(nativeOn(isa), 1, graph, geometry);
      return { outputs: bits(one.run(0, STEPS)), weights: bits(valuesByName(one.weights)) };
    };

    it.each(GEOMETRIES)("gives the same bits for any number of threads, groups $geometry", ({ geometry }) => {
      const { outputs, weights } = whole(geometry);
      for (const threads of [2, 3, 16]) {
        const other = training(nativeOn(isa), threads, graph, geometry);
        expect(bits(other.run(0, STEPS))).toEqual(outputs);
        expect(bits(valuesByName(other.weights))).toEqual(weights);
      }
    });

    it("gives the same bits when it is resumed from its parameters at any step", () => {
      const { weights } = whole();
      for (const at of [1, 4, 6]) {
        const before = training(nativeOn(isa), 2, graph);
        before.run(0, at);
        const after = training(nativeOn(isa), 1, graph);
        for (const [name, memory] of before.weights) after.weights.get(name)!.copyFrom(memory);
        after.run(at, STEPS);
        expect(bits(valuesByName(after.weights))).toEqual(weights);
      }
    });
  });

  // In fp32: a number that lies between two of 16 bits may rightly be rounded to either.
  it("trains as the reference does", () => {
    for (const combination of COMBINATIONS) {
      const graph = graphOf({ ...combination, precision: "fp32" as const, tables: FLOATS });
      const expected = training(referenceBackend, 1, graph);
      const got = training(nativeOn(isa), 2, graph);
      expected.run(0, 3);
      got.run(0, 3);
      // Logits that differ in their last bits may fall into neighbouring bins: the rows counted are the same.
      const counted = [expected, got].map(({ weights }) => totalOf(valuesOf(weights.get(SCORE_COUNTS)!)));
      expect(counted[1]).toBe(counted[0]);
      for (const [name, memory] of expected.weights) {
        if (name === SCORE_COUNTS) continue;
        const values = valuesOf(memory) as Float32Array;
        const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const error = (valuesOf(got.weights.get(name)!) as Float32Array).reduce(
          (most, v, i) => Math.max(most, Math.abs(v - values[i])),
          0,
        );
        expect(error, name).toBeLessThanOrEqual(1e-4 * (scale + 1e-3));
      }
    }
  });

  it.each(PRECISIONS)("predicts the same bits for a row in any batch, %s", (precision) => {
    const graph = inferenceGraph({ model: MODEL, features: FEATURES, precision });
    const backend = nativeOn(isa);
    const parameters = new Parameters(backend, parametersOf(graph));
    parameters.initialize(SEED);
    const predict = (batch: number, count: number): string | undefined => {
      const executable = backend.compile(graph, parameters.memory, { maxBatch: batch, threads: 2 });
      const request = { columns: COLUMNS, rows: ROWS, start: 0, count, batch, seed: 0, firstStep: 0 };
      return bits(executable.runSync({ ...request, scalars: new Map() })).get("logits");
    };
    const whole = predict(ROWS, ROWS)!;
    for (const batch of [1, 7, 33, 256]) expect(predict(batch, 600)).toBe(whole.slice(0, 600 * 8));
  });

  it("orders rows as data/order.ts does", () => {
    const g = new GraphBuilder();
    g.output("row", g.apply(OPS.input, [], { name: "row", type: fp32("B", 1), limit: 0 })[0]);
    const executable = nativeOn(isa).compile(simplify(g.finish()), new Map(), { maxBatch: 100 });
    for (const rows of [1, 2, 3, 5, 16, 17, 1000, 65537]) {
      for (const shuffle of [
        { seed: 1, epoch: 0 },
        { seed: 2 ** 40 + 1, epoch: 7 },
      ]) {
        const start = Math.floor(rows / 3);
        const data = Float32Array.from({ length: rows }, (_, i) => i);
        const column: Column = { kind: "number", data, offset: 0, stride: 1, width: 1 };
        const request = { rows, start, count: rows - start, batch: 100, shuffle, seed: 0, firstStep: 0 };
        const columns = new Map([["row", column]]);
        const result = executable.runSync({ ...request, columns, scalars: new Map() });
        const at = permutation(rows, shuffle);
        const expected = Array.from({ length: rows - start }, (_, i) => at(start + i));
        expect(Array.from(result.get("row")!)).toEqual(expected);
      }
    }
  });

  it.each<Initializer>([
    { kind: "constant", value: 0.1 },
    { kind: "uniform", low: -0.3, high: 0.5 },
    { kind: "normal", mean: 0.2, std: 0.01 },
  ])("initializes as the reference does: $kind", (init) => {
    const native = nativeOn(isa);
    const [expected, got] = [referenceBackend, native].map((backend) => {
      const memory = backend.allocate(10_007);
      memory.fill(init, 2 ** 35 + 9, 0xdeadbeef);
      return valuesOf(memory);
    });
    const bad = expected.findIndex((value, i) => value !== got[i]);
    expect(bad < 0 ? "" : `[${bad}]: ${got[bad]} for ${expected[bad]}`).toBe("");
  });
});

function totalOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0);
}
