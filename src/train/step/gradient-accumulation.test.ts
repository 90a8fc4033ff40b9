import { describe, expect, it } from "vitest";
import { BACKENDS } from "../../../conformance/backends.js";
import type { Backend } from "../../backends/backend.js";
import { valuesByName } from "../../backends/testing.js";
import type { Column } from "../../columns/columns.js";
import { modelSchema } from "../../models/index.js";
import type { FeatureInfo } from "../../models/model.js";
import { plan } from "../../passes/compile.js";
import { Parameters } from "../parameters.js";
import { LEARNING_RATES } from "./apply-optimizers.js";
import { checkAccumulation, rowsPerStep } from "./gradient-accumulation.js";
import { parametersOf, SCORE_COUNTS, trainingGraph } from "./model-graphs.js";
import { l2Schema, optimizerSchema } from "./optimizers.js";

const BATCH = 40;
const BATCHES = 4;
/** The last batch has fewer rows. */
const ROWS = BATCH * BATCHES - 15;
const FEATURES: readonly FeatureInfo[] = [
  { kind: "number", name: "x", width: 2 },
  { kind: "id", name: "item", table: "item", rows: 7 },
  { kind: "ids", name: "seen", table: "item", rows: 7, pooling: "mean" },
];

const graphOf = (norm: "none" | "batch", features = FEATURES) =>
  trainingGraph(
    {
      model: modelSchema.parse({
        kind: "mlp",
        features: FEATURES.map(({ name }) => name),
        embeddingDim: 4,
        mlp: { hiddenUnits: [6], norm },
      }),
      features,
    },
    {
      optimizers: optimizerSchema.parse({ dense: { kind: "sgd" }, embedding: { kind: "sgd" } }),
      l2: l2Schema.parse({}),
      weighted: false,
    },
  );

function columns(): Map<string, Column> {
  const floats = (width: number, value: (i: number) => number): Column => {
    const data = Float32Array.from({ length: ROWS * width }, (_, i) => value(i));
    return { kind: "number", data, offset: 0, stride: width, width };
  };
  const ids = (count: number) => Int32Array.from({ length: count }, (_, i) => (i * i + 3 * i) % 7);
  const offsets = BigUint64Array.from({ length: ROWS + 1 }, (_, b) => BigInt(2 * b));
  return new Map<string, Column>([
    ["x", floats(2, (i) => Math.sin(i))],
    ["@label", floats(1, (i) => i % 2)],
    ["item", { kind: "id", data: ids(ROWS), offset: 0, stride: 1 }],
    ["seen", { kind: "ids", values: ids(2 * ROWS), offsets }],
  ]);
}

/** What one step of SGD at rate -1 over rows [start, start + count) adds to every parameter: its gradient. */
function gradient(backend: Backend, start: number, count: number): Map<string, number[]> {
  const graph = graphOf("none");
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(3);
  const before = valuesByName(parameters.memory);
  const options = { maxBatch: rowsPerStep({ batchSize: BATCH, gradientAccumulation: BATCHES }), threads: 2 };
  backend.compile(graph, parameters.memory, options).runSync({
    columns: columns(),
    rows: ROWS,
    start,
    count,
    batch: count,
    seed: 0,
    firstStep: 0,
    scalars: new Map(Object.values(LEARNING_RATES).map((name) => [name, Float32Array.of(-1)])),
  });
  const after = [...valuesByName(parameters.memory)].filter(([name]) => name !== SCORE_COUNTS);
  return new Map(after.map(([name, data]) => [name, Array.from(data, (w, i) => w - before.get(name)![i])]));
}

describe.each(BACKENDS)("gradient accumulation on $name", ({ use }) => {
  it("updates by the gradients of the batches, each weighted by its rows", () => {
    const whole = gradient(use(), 0, ROWS);
    const sums = new Map([...whole].map(([name, g]) => [name, g.map(() => 0)]));
    for (let start = 0; start < ROWS; start += BATCH) {
      const count = Math.min(BATCH, ROWS - start);
      for (const [name, g] of gradient(use(), start, count))
        for (const [i, x] of g.entries()) sums.get(name)![i] += (x * count) / ROWS;
    }
    for (const [name, g] of whole)
      for (const [i, x] of g.entries()) expect(x, name).toBeCloseTo(sums.get(name)![i], 6);
  });
});

it("keeps of every row the outputs, the ids and the gradients of lookups; activations are of a tile", () => {
  const geometry = { tileRows: 32, groups: 1 };
  const tile = (maxBatch: number) => plan(graphOf("none"), maxBatch, { geometry }).arenas.tile;
  expect(tile(BATCH * 100)).toBe(tile(BATCH));
  const { arenas } = plan(graphOf("none"), BATCH * 100, { geometry });
  // Logit and label; an id and a bag of 4 words; the gradient of the 2 + 4 + 4 inputs of the layer, in whole lines.
  expect(arenas.batch / (BATCH * 100)).toBeLessThanOrEqual(2 + 1 + 4 + 16);
});

it("refuses statistics of the batch", () => {
  expect(() => checkAccumulation(graphOf("batch"), { batchSize: 8, gradientAccumulation: 2 })).toThrow(
    /batch normalization/,
  );
  checkAccumulation(graphOf("batch"), { batchSize: 8, gradientAccumulation: 1 });
  checkAccumulation(graphOf("none"), { batchSize: 8, gradientAccumulation: 2 });
});

it("takes tables whose ids are translated, of all rows of an update at once", () => {
  const translated = FEATURES.map((feature) =>
    feature.kind === "number" ? feature : { ...feature, translation: { ids: 100 } },
  );
  const settings = { batchSize: 8, gradientAccumulation: 2 };
  checkAccumulation(graphOf("none", translated), settings);
  expect(() => checkAccumulation(graphOf("batch", translated), settings)).toThrow(/batch normalization/);
});
