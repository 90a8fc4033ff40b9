import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { resolveConfig } from "../config/config.js";
import { DataError } from "../errors.js";
import { findCheckpoint } from "../saved/find-checkpoint.js";
import { openModel } from "../saved/model.js";
import { load } from "../serve/load.js";
import type { Predictor } from "../serve/predictor.js";
import { readMetrics } from "../train/log/metrics-log.js";
import { predictRun } from "./predict-run.js";
import { evaluateSource } from "./score.js";
import { type RunResult, trainRun } from "./train-run.js";

/* A run over three classes, which follow from two ids. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-classes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = Array.from({ length: 400 }, (_, i) => ({ a: i % 5, b: (i * 7) % 4 }));
const classOf = ({ a, b }: { a: number; b: number }) => (a + b) % 3;
const nothing = () => undefined;
const path = join(folder, "rows.csv");
const runDir = join(folder, "run");
const { backend } = chooseBackend();

let result: RunResult;
let model: Predictor;
beforeAll(async () => {
  const lines = rows.map((row) => `${row.a},${row.b},${classOf(row)}`);
  // A class that there is not, and one that is no whole number.
  writeFileSync(path, ["a,b,y", ...lines, "0,0,3", "0,0,0.5"].join("\n"));
  const config = resolveConfig({
    data: { train: { path }, valid: { path }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "a", buckets: 5 },
      { kind: "id", name: "b", buckets: 4 },
    ],
    model: { kind: "pnn", features: ["a", "b"], embeddingDim: 8, mlp: { hiddenUnits: [16] } },
    train: {
      batchSize: 50,
      epochs: 20,
      loss: { kind: "softmaxCrossEntropy", classes: 3 },
      metric: "accuracy",
      optimizer: {
        embedding: { kind: "adam", learningRate: 0.02 },
        dense: { kind: "adam", learningRate: 0.02 },
      },
    },
  });
  const signal = new AbortController().signal;
  result = await trainRun({
    config,
    runDir,
    backend,
    resume: false,
    baselines: true,
    signal,
    listener: () => undefined,
  });
  model = await load(runDir);
});

describe("a run over classes", () => {
  it("quarantines labels that are no class", () => {
    const { train } = result.report.data;
    expect(train).toMatchObject({ rowsRead: 402, rows: 400, quarantined: 2 });
    expect(train.reasons).toEqual({ "@label: not a class id, 0 to classes - 1": 2 });
  });

  it("learns them, beside baselines that cannot", () => {
    const [learnt, baseline, shares] = result.report.results;
    for (const metric of ["auc", "weightedAuc", "pairwiseAuc", "accuracy"] as const)
      expect(learnt[metric]).toBeGreaterThan(0.99);
    expect(baseline.accuracy).toBeLessThan(0.9);
    const counts = [0, 1, 2].map((c) => rows.filter((row) => classOf(row) === c).length / rows.length);
    const entropy = -counts.reduce((sum, share) => sum + share * Math.log(share), 0);
    expect(shares.logLoss).toBeCloseTo(entropy, 6);
    expect(shares.auc).toBe(0.5);
    expect(learnt.undefined?.calibration).toContain("classes");
  });

  it("logs the accuracy of the rows just trained on", () => {
    const trained = readMetrics(join(runDir, "metrics.jsonl")).filter(({ split }) => split === "train");
    expect(trained.at(-1)!.values.accuracy).toBeGreaterThan(0.99);
  });
});

describe("its predictor", () => {
  it("gives a probability for each class, the rows one after the other", () => {
    const probabilities = model.predict(rows.slice(0, 20));
    expect(probabilities).toHaveLength(60);
    const logits = model.logits(rows.slice(0, 20));
    rows.slice(0, 20).forEach((row, i) => {
      const own = [...probabilities.subarray(3 * i, 3 * i + 3)];
      expect(own.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
      expect(own.indexOf(Math.max(...own))).toBe(classOf(row));
      expect(Math.log(own[1] / own[0])).toBeCloseTo(logits[3 * i + 1] - logits[3 * i], 3);
    });
  });

  it("has no one number to give for a row", () => {
    expect(() => model.predictOne(rows[0])).toThrow(DataError);
  });
});

it("a file of predictions has a column for each class", async () => {
  const opened = await openModel(await findCheckpoint(runDir), { backend, maxBatch: 4096 });
  const output = join(folder, "scores.csv");
  const source = { path };
  await predictRun({ model: opened, source, where: "--data", output, columns: ["y"], onRows: nothing });
  const [head, first] = readFileSync(output, "utf8").split("\n");
  expect(head).toBe("row,y,prediction_0,prediction_1,prediction_2");
  const predicted = first.split(",").slice(2).map(Number);
  model.predict(rows.slice(0, 1)).forEach((p, c) => {
    expect(predicted[c]).toBeCloseTo(p, 6);
  });
});

it("an evaluation of the source gives the metrics of the report", async () => {
  const opened = await openModel(await findCheckpoint(runDir), { backend, maxBatch: 4096 });
  const { evaluation, rows: counted } = await evaluateSource(opened, { source: { path } }, "--data", nothing);
  expect([counted.used, counted.refused]).toEqual([400, 2]);
  const [reported] = result.report.results;
  expect(evaluation.logLoss).toEqual({ defined: true, value: expect.closeTo(reported.logLoss!, 6) });
});

it("metrics that the loss does not have are refused, with those that it has", () => {
  const train = { loss: { kind: "softmaxCrossEntropy", classes: 3 }, metric: "meanSquaredError" };
  const config = {
    data: { train: { path }, label: "y" },
    features: [{ kind: "id", name: "a", buckets: 5 }],
    model: { kind: "logisticRegression", features: ["a"] },
    train,
  };
  expect(() => resolveConfig(config)).toThrow(/train\.metric[\s\S]*pairwiseAuc/);
});
