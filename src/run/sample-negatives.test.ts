import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { type Column, LABEL_COLUMN, WEIGHT_COLUMN } from "../columns/columns.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { murmur3 } from "../murmur3.js";
import { load } from "../serve/load.js";
import type { Predictor } from "../serve/predictor.js";
import { type RunResult, trainRun } from "./train-run.js";

/*
 * Logistic regression on one id. At its optimum the prediction for an id is the weighted share of the label 1 among the
 * training rows of this id. With the weights of sampleNegatives this estimates the share among all rows.
 */

const folder = mkdtempSync(join(tmpdir(), "pairloom-sampled-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEEP = 0.1;
const IDS = [0, 1, 2, 3];
const rows = Array.from({ length: 20_000 }, (_, i) => ({
  a: i % 4,
  y: Number(murmur3(Buffer.from(`${i}`)) / 2 ** 32 < 0.02 * (1 + (i % 4))),
}));
const path = join(folder, "rows.csv");
writeFileSync(path, `a,y\n${rows.map(({ a, y }) => `${a},${y}`).join("\n")}\n`);
const config = resolveConfig({
  data: {
    train: { path },
    test: { path },
    label: "y",
    sampleNegatives: { keep: KEEP },
    cacheDir: join(folder, "cache"),
  },
  features: [{ kind: "id", name: "a", buckets: 4 }],
  model: { kind: "logisticRegression", features: ["a"] },
  train: {
    batchSize: 8192,
    epochs: 200,
    optimizer: {
      embedding: { kind: "adam", learningRate: 0.1 },
      dense: { kind: "adam", learningRate: 0.1 },
    },
  },
});

let result: RunResult;
let model: Predictor;
beforeAll(async () => {
  result = await trainRun({
    config,
    runDir: join(folder, "run"),
    backend: chooseBackend().backend,
    resume: false,
    baselines: false,
    signal: new AbortController().signal,
    listener: () => undefined,
  });
  model = await load(join(folder, "run"));
});

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

it("predicts the weighted share of each id", async () => {
  const { splits } = await prepareData(config);
  const { train } = splits;
  const numbers = (name: string) => {
    const { data, offset, stride } = train.columns.get(name) as Extract<Column, { kind: "number" }>;
    return Array.from({ length: train.rows }, (_, r) => data[offset + r * stride]);
  };
  const { data, offset, stride } = train.columns.get("a") as Extract<Column, { kind: "id" }>;
  const [labels, weights] = [numbers(LABEL_COLUMN), numbers(WEIGHT_COLUMN)];
  const predictions = model.predict(IDS.map((a) => ({ a })));
  for (const a of IDS) {
    const of = labels.map((y, r) => (data[offset + r * stride] === a ? { y, w: weights[r] } : { y, w: 0 }));
    const share = of.reduce((sum, { y, w }) => sum + y * w, 0) / of.reduce((sum, { w }) => sum + w, 0);
    expect(predictions[a]).toBeCloseTo(share, 3);
  }
});

it("is calibrated for all rows", () => {
  const baseRate = mean(rows.map(({ y }) => y));
  const predicted = mean([...model.predict(rows.map(({ a }) => ({ a })))]);
  // The number of negative rows is estimated from those kept: its relative error is sqrt((1 - keep) / (keep n)).
  const error = Math.sqrt((1 - KEEP) / (KEEP * rows.length));
  expect(Math.abs(predicted / baseRate - 1)).toBeLessThan(4 * error);
  expect(result.report.results[0].calibration).toBeCloseTo(predicted / baseRate, 3);
});

it("is told in the report", () => {
  const { train, test } = result.report.data;
  expect(train.rowsRead).toBe(20_000);
  expect(train.rows + train.leftOut!).toBe(20_000);
  expect(test).not.toHaveProperty("leftOut");
});

it("is refused for labels that have no negative rows", () => {
  const { data, features, model } = config;
  const train = { loss: { kind: "squaredError" }, metric: "meanSquaredError" };
  expect(() => resolveConfig({ data, features, model, train })).toThrow(
    /^data\.sampleNegatives: sampleNegatives needs labels 0 and 1, and the loss squaredError has others/,
  );
});
