import { describe, expect, it } from "vitest";
import { BACKENDS } from "../../../conformance/backends.js";
import type { Backend } from "../../backends/backend.js";
import { valuesByName, valuesOf } from "../../backends/testing.js";
import type { Column } from "../../columns/columns.js";
import { modelSchema } from "../../models/index.js";
import type { FeatureInfo } from "../../models/model.js";
import { Parameters } from "../parameters.js";
import { LEARNING_RATES } from "./apply-optimizers.js";
import { type Clip, clipSchema } from "./clip.js";
import { parametersOf, SCORE_COUNTS, trainingGraph } from "./model-graphs.js";
import { l2Schema, optimizerSchema } from "./optimizers.js";

const ROWS = 40;
const FEATURES: readonly FeatureInfo[] = [
  { kind: "id", name: "user", table: "user", rows: 50 },
  { kind: "id", name: "item", table: "item", rows: 3 },
  { kind: "ids", name: "seen", table: "item", rows: 3, pooling: "mean" },
];
const MODEL = modelSchema.parse({
  kind: "mlp",
  features: ["user", "item", "seen"],
  embeddingDim: 4,
  mlp: { hiddenUnits: [5] },
});

function columns(): Map<string, Column> {
  const id = (limit: number): Column => {
    const data = Int32Array.from({ length: ROWS }, (_, b) => (b * 7 + b ** 2) % limit);
    return { kind: "id", data, offset: 0, stride: 1 };
  };
  const offsets = BigUint64Array.from({ length: ROWS + 1 }, (_, b) => BigInt(2 * b));
  const values = Int32Array.from({ length: 2 * ROWS }, (_, i) => (i * i) % 3);
  const label = Float32Array.from({ length: ROWS }, (_, b) => b % 2);
  return new Map<string, Column>([
    ["user", id(50)],
    ["item", id(3)],
    ["seen", { kind: "ids", values, offsets }],
    ["@label", { kind: "number", data: label, offset: 0, stride: 1, width: 1 }],
  ]);
}

/** What one step of SGD at rate -1 adds to every parameter: the gradients that it used. */
function gradients(backend: Backend, clip?: Clip): Map<string, number[]> {
  const optimizers = optimizerSchema.parse({ dense: { kind: "sgd" }, embedding: { kind: "sgd" } });
  const graph = trainingGraph(
    { model: MODEL, features: FEATURES },
    { optimizers, l2: l2Schema.parse({}), clip, weighted: false },
  );
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(3);
  for (const memory of parameters.memory.values())
    memory.write(
      0,
      valuesOf(memory).map((w, i) => w + ((i % 5) - 2) / 4),
    );
  const before = valuesByName(parameters.memory);
  backend.compile(graph, parameters.memory, { maxBatch: ROWS, threads: 2 }).runSync({
    columns: columns(),
    rows: ROWS,
    start: 0,
    count: ROWS,
    batch: ROWS,
    seed: 0,
    firstStep: 0,
    scalars: new Map(Object.values(LEARNING_RATES).map((name) => [name, Float32Array.of(-1)])),
  });
  const after = [...valuesByName(parameters.memory)].filter(([name]) => name !== SCORE_COUNTS);
  return new Map(after.map(([name, data]) => [name, Array.from(data, (w, i) => w - before.get(name)![i])]));
}

const isTable = (name: string) => name.startsWith("embeddings.");

/** Elements cut off, then all scaled to a norm of at most `norm`. */
function bounded(all: [string, number[]][], { norm, value = Number.POSITIVE_INFINITY }: Clip) {
  const cut = all.map(([name, g]) => [name, g.map((x) => Math.max(-value, Math.min(value, x)))] as const);
  const length = Math.hypot(...cut.flatMap(([, g]) => g));
  const factor = norm === undefined ? 1 : Math.min(1, norm / (length + 1e-6));
  return cut.map(([name, g]) => [name, g.map((x) => x * factor)] as const);
}

const CLIPS = [
  { norm: 0.05, embedding: "together" },
  { norm: 0.02, value: 0.01, embedding: "together" },
  { norm: 1000, embedding: "together" },
  { norm: 0.01 },
  { embedding: { norm: 0.01 } },
  { value: 0.01, embedding: { norm: 0.02, value: 0.005 } },
] as const;

describe.each(BACKENDS)("clipping on $name", ({ use }) => {
  it.each(CLIPS.map((clip) => [JSON.stringify(clip), clip] as const))("%s", (_, clip) => {
    const plain = [...gradients(use())];
    const tables = plain.filter(([name]) => isTable(name));
    const dense = plain.filter(([name]) => !isTable(name));
    const { embedding, ...own } = clipSchema.parse(clip);
    const expected =
      embedding === "together"
        ? bounded(plain, own)
        : [...bounded(dense, own), ...bounded(tables, embedding ?? {})];
    const got = gradients(use(), clipSchema.parse(clip));
    expect(tables.length).toBe(2);
    for (const [name, g] of expected)
      for (const [i, x] of g.entries()) expect(got.get(name)![i], name).toBeCloseTo(x, 6);
  });
});

it("asks for a bound", () => {
  for (const clip of [{}, { embedding: "together" }, { embedding: {} }])
    expect(clipSchema.safeParse(clip).success).toBe(false);
});
