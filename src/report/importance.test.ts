import { describe, expect, it } from "vitest";
import type { RunRequest } from "../backends/backend.js";
import { type Column, type ColumnSet, type FloatColumn, LABEL_COLUMN } from "../columns/columns.js";
import { resolveConfig } from "../config/config.js";
import type { FittedFeatures } from "../features/fitted.js";
import { auc } from "../metrics/index.js";
import { drawKey, drawUnit } from "../random.js";
import type { TrainedModel } from "../saved/model.js";
import { configuredFeatureInfos } from "../train/feature-info.js";
import { inferenceGraph, LOGITS } from "../train/step/model-graphs.js";
import { specOf } from "../train/step/model-spec.js";
import { fieldPairs } from "./field-pairs.js";
import { permutationImportance } from "./importance.js";
import { ShuffledScores } from "./shuffled.js";

const ROWS = 10_000;
const NAMES = ["a", "b", "c", "noise"];

/** Independent values, each -1 or 1: their products have mean 0 and variance 1 too. */
function signs(): Record<string, Float32Array> {
  const of = (stream: number) =>
    Float32Array.from({ length: ROWS }, (_, row) => (drawUnit(drawKey(1, stream, 0), row) < 0.5 ? -1 : 1));
  return Object.fromEntries(NAMES.map((name, i) => [name, of(i)]));
}

const column = (data: Float32Array, width = 1): FloatColumn => ({
  kind: "number",
  data,
  offset: 0,
  stride: width,
  width,
});

/** A model that computes a formula. */
function modelOf(logits: (row: Record<string, number>) => number[], loss: object = {}): TrainedModel {
  const config = resolveConfig({
    data: { train: { path: "none.csv" }, label: "y" },
    features: NAMES.map((name) => ({ kind: "number", name })),
    model: { kind: "logisticRegression", features: NAMES },
    train: { ...loss },
  });
  const run = async ({ columns, start, count }: RunRequest) => {
    const all = Array.from({ length: count }, (_, i) => {
      const at = (name: string) => (columns.get(name) as FloatColumn).data[start + i];
      return logits(Object.fromEntries(NAMES.map((name) => [name, at(name)])));
    });
    return new Map([[LOGITS, Float32Array.from(all.flat())]]);
  };
  return {
    config,
    graph: inferenceGraph(specOf(config, configuredFeatureInfos(config.features))),
    features: { features: NAMES.map((name) => ({ name })) } as unknown as FittedFeatures,
    executable: { run } as unknown as TrainedModel["executable"],
    compile: () => ({ run }) as unknown as TrainedModel["executable"],
    translations: new Map(),
    checkpoint: {} as TrainedModel["checkpoint"],
  } as unknown as TrainedModel;
}

async function analyse(
  model: TrainedModel,
  label: (row: number, values: ReturnType<typeof signs>) => number,
) {
  const values = signs();
  const labels = Float32Array.from({ length: ROWS }, (_, row) => label(row, values));
  const columns = new Map<string, Column>([
    ...NAMES.map((name): [string, Column] => [name, column(values[name])]),
    [LABEL_COLUMN, column(labels)],
  ]);
  const rows: ColumnSet = { rows: ROWS, columns };
  const scores = await ShuffledScores.of(model, rows);
  const importance = await permutationImportance(model, rows, scores);
  const pairs = await fieldPairs(scores, importance);
  const strength = (i: string, j: string) =>
    pairs.strength[pairs.features.indexOf(i)][pairs.features.indexOf(j)];
  return {
    scores,
    labels,
    importance,
    strength,
    of: (name: string) => importance.find((each) => each.feature === name)!,
  };
}

describe("permutation importance", () => {
  it("is the whole AUC for the feature that tells the label, and nothing for noise", async () => {
    const { of, importance } = await analyse(
      modelOf(({ a }) => [a]),
      (row, { a }) => Number(a[row] > 0),
    );
    expect(importance[0].feature).toBe("a");
    expect(of("a").change.y).toBeCloseTo(0.5, 1); // AUC 1 becomes the AUC of chance
    expect(of("noise").change.y).toBe(0);
    expect(of("noise").effect).toBe(0);
  });

  it("is the AUC of the rows minus that of the shuffled rows", async () => {
    const model = modelOf(({ a, b, noise }) => [a + b / 2 + noise / 4]);
    const { scores, labels, of } = await analyse(model, (row, { a, b }) => Number(a[row] + b[row] / 2 > 0));
    for (const name of NAMES) {
      const shuffled = auc(await scores.logits([name]), labels);
      const before = auc(scores.unshuffled, labels);
      if (!shuffled.defined || !before.defined) throw new Error("undefined");
      expect(of(name).change.y).toBe(before.value - shuffled.value);
    }
  });

  it("says that the change is undefined where all labels are equal, but knows the effect", async () => {
    const { of } = await analyse(
      modelOf(({ a }) => [a]),
      () => 1,
    );
    expect(of("a").change.y).toBeNull();
    expect(of("a").effect).toBeCloseTo(1, 1);
  });

  it("of a regression is how much the squared error grows", async () => {
    const model = modelOf(({ a }) => [3 * a], { loss: { kind: "squaredError" }, metric: "meanSquaredError" });
    const { of } = await analyse(model, (row, { a }) => 3 * a[row]);
    expect(of("a").change.y).toBeCloseTo(18, 0); // E (3a - 3a')² = 2 · 9
    expect(of("a").metric).toBe("meanSquaredError");
  });
});

describe("effects and field pairs", () => {
  it("are the standard deviations of the parts of the output", async () => {
    // Variances: a alone 4, b and c together 9, all three 1.
    const { of, strength } = await analyse(
      modelOf(({ a, b, c }) => [5 + 2 * a + 3 * b * c + a * b * c]),
      (row, { a }) => Number(a[row] > 0),
    );
    expect(of("a").effect).toBeCloseTo(Math.sqrt(4 + 1), 1);
    expect(of("b").effect).toBeCloseTo(Math.sqrt(9 + 1), 1);
    expect(strength("b", "c")).toBeCloseTo(Math.sqrt(9 + 1), 1);
    expect(strength("a", "b")).toBeCloseTo(1, 1);
    expect(strength("c", "b")).toBe(strength("b", "c"));
    expect(strength("a", "noise")).toBe(0);
  });

  it("are 0 for a sum, in spite of rounding", async () => {
    const model = modelOf(({ a, b, c }) => [Math.fround(1e3 + a / 3 + b / 7 + c / 11)]);
    const { strength } = await analyse(model, (row, { a }) => Number(a[row] > 0));
    for (const i of NAMES) for (const j of NAMES) expect(strength(i, j)).toBe(0);
  });

  it("of a factorization machine are those of the products of its embeddings", async () => {
    const embedding = { a: [0.3, -0.2], b: [0.5, 0.7], c: [-0.4, 0.1] };
    const product = (i: keyof typeof embedding, j: keyof typeof embedding) =>
      embedding[i].reduce((sum, value, k) => sum + value * embedding[j][k], 0);
    const model = modelOf(({ a, b, c }) => [
      product("a", "b") * a * b + product("a", "c") * a * c + product("b", "c") * b * c,
    ]);
    const { strength } = await analyse(model, (row, { a }) => Number(a[row] > 0));
    expect(strength("a", "b")).toBeCloseTo(Math.abs(product("a", "b")), 2);
    expect(strength("a", "c")).toBeCloseTo(Math.abs(product("a", "c")), 2);
    expect(strength("b", "c")).toBeCloseTo(Math.abs(product("b", "c")), 2);
  });

  it("of classes do not count what moves all logits of a row", async () => {
    const classes = { loss: { kind: "softmaxCrossEntropy", classes: 3 } };
    const model = modelOf(({ a, b, c }) => [a * b, a * b, a * b + c], classes);
    const { of, strength } = await analyse(model, (row, { c }) => (c[row] > 0 ? 2 : 0));
    expect(strength("a", "b")).toBeLessThan(1e-6);
    expect(of("a").effect).toBeLessThan(1e-6);
    // The centred logits of c are (-1, -1, 2) / 3: their mean square is 2 / 9.
    expect(of("c").effect).toBeCloseTo(Math.sqrt(2 / 9), 2);
  });
});
