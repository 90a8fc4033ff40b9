import { describe, expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { valuesByName, valuesOf } from "../backends/testing.js";
import type { Column } from "../columns/columns.js";
import { ConfigError } from "../errors.js";
import { mlpSchema } from "../layers/mlp.js";
import { Parameters } from "../train/parameters.js";
import { inferenceGraph, LOGITS, parametersOf } from "../train/step/model-graphs.js";
import { type ModelConfig, modelSchema } from "./index.js";
import type { FeatureInfo } from "./model.js";
import { featureGroup } from "./schema.js";
import { sectionOf } from "./testing.js";

/* Models with several outputs: a logit for each class. */

const OUTPUTS = 3;
const FEATURES: readonly FeatureInfo[] = [
  { kind: "id", name: "user", table: "user", rows: 2 },
  { kind: "id", name: "item", table: "item", rows: 2 },
  { kind: "number", name: "price", width: 1 },
];
const ids = ["user", "item"];
const mlp = { hiddenUnits: [4] };
/** Keys that features and tables elsewhere would have to fit. */
const UNSET = ["embeddingSuffix", "sequenceSuffix", "initializer", "sequences", "variationalDropout"];

/** Every model, with few keys and with many. */
const MODELS = modelSchema.options.flatMap((schema) =>
  [() => false, (key: string) => !UNSET.includes(key)].map(
    (isSet) =>
      sectionOf(schema, {
        pick: (first) => first,
        isSet,
        valueOf: (key, asked) => {
          if (key === "embeddingDim") return 4;
          if (key === "dense") return { features: ["price"], mlp };
          if (asked === featureGroup) return ids;
          if (asked === mlpSchema) return mlp;
          return FEATURES.some(({ name }) => name === key) ? key : undefined;
        },
      }) as Record<string, unknown>,
  ),
);

/** The logits [3] of one row, and the parameters that made them. */
function logitsOf(model: Record<string, unknown>) {
  const graph = inferenceGraph({ model: modelSchema.parse(model), features: FEATURES, outputs: OUTPUTS });
  const parameters = new Parameters(referenceBackend, parametersOf(graph));
  parameters.initialize(3);
  for (const [name, memory] of parameters.memory)
    if (name.startsWith("linear."))
      memory.write(
        0,
        valuesOf(memory).map((_, i) => (i + 1) / 8),
      );
  const executable = referenceBackend.compile(graph, parameters.memory, { maxBatch: 1 });
  const id = (value: number): Column => ({ kind: "id", data: Int32Array.of(value), offset: 0, stride: 1 });
  const price: Column = { kind: "number", data: Float32Array.of(0.5), offset: 0, stride: 1, width: 1 };
  const columns = new Map([
    ["user", id(1)],
    ["item", id(0)],
    ["price", price],
  ]);
  const request = {
    columns,
    rows: 1,
    start: 0,
    count: 1,
    batch: 1,
    seed: 0,
    firstStep: 0,
    scalars: new Map(),
  };
  return {
    logits: [...executable.runSync(request).get(LOGITS)!],
    parameters: valuesByName(parameters.memory),
  };
}

describe("every model", () => {
  it.each(MODELS)("$kind has as many logits as it is asked for, all different", (model) => {
    const { logits } = logitsOf(model);
    expect(logits).toHaveLength(OUTPUTS);
    expect(new Set(logits).size).toBe(OUTPUTS);
  });
});

it("logistic regression has a weight for each id and number, and a bias, for each output", () => {
  const { logits, parameters } = logitsOf({ kind: "logisticRegression", features: [...ids, "price"] });
  const weights = (name: string) => parameters.get(name)!;
  for (let c = 0; c < OUTPUTS; c++) {
    const tables = weights("linear.user.weight")[OUTPUTS + c] + weights("linear.item.weight")[c];
    const expected = tables + 0.5 * weights("linear.weight")[c] + weights("linear.bias")[c];
    expect(logits[c]).toBeCloseTo(expected, 6);
  }
});

it("a weight of the wide term is the sum of several numbers, those of one output side by side", () => {
  const dim = 2;
  const model = {
    kind: "deepfm",
    wide: { features: ["user"], embeddingDim: dim },
    deep: { features: ids, mlp },
  };
  const { logits, parameters } = logitsOf(model);
  const wide = (c: number) => {
    const row = parameters.get("linear.user.weight")!.subarray(OUTPUTS * dim, 2 * OUTPUTS * dim);
    return row[c * dim] + row[c * dim + 1] + parameters.get("linear.bias")![c];
  };
  const other = logitsOf({ ...model, wide: { features: ["item"], embeddingDim: dim } });
  const item = (c: number) => {
    const row = other.parameters.get("linear.item.weight")!;
    return row[c * dim] + row[c * dim + 1] + other.parameters.get("linear.bias")![c];
  };
  // The models differ in the wide term alone.
  for (let c = 0; c < OUTPUTS; c++) expect(logits[c] - other.logits[c]).toBeCloseTo(wide(c) - item(c), 5);
});

it("a factorization machine weighs the dimensions of its products for each output", () => {
  const { logits, parameters } = logitsOf({ kind: "fm", features: ids, embeddingDim: 2 });
  const weights = (name: string) => parameters.get(name)!;
  const user = weights("embeddings.user.weight").subarray(2, 4);
  const item = weights("embeddings.item.weight").subarray(0, 2);
  for (let c = 0; c < OUTPUTS; c++) {
    const linear = weights("linear.user.weight")[OUTPUTS + c] + weights("linear.item.weight")[c];
    const products = [0, 1].map((d) => weights("products.weight")[c * 2 + d] * user[d] * item[d]);
    expect(logits[c]).toBeCloseTo(linear + weights("linear.bias")[c] + products[0] + products[1], 6);
  }
});

it("a model of one's own that has one output is refused where the loss takes several", async () => {
  const { registerModel } = await import("./index.js");
  const { z } = await import("zod");
  const { firstOrder } = await import("./logistic-regression.js");
  const schema = z.strictObject({ kind: z.literal("oneOutput") });
  const model = registerModel({
    kind: "oneOutput",
    schema,
    build: (features, _, scope) => firstOrder(features, ids, "model", scope, 1),
  })({}) as unknown as ModelConfig;
  const graph = () => inferenceGraph({ model, features: FEATURES, outputs: OUTPUTS });
  expect(graph).toThrow(ConfigError);
  expect(graph).toThrow(/fp32\[B, 1\][\s\S]*fp32\[B, 3\]/);
});
