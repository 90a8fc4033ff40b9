import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { findBest, findLatest } from "../checkpoint/index.js";
import { checksumsOf } from "../checkpoint/testing.js";
import { metricsTable, positiveShares } from "../cli/tables.js";
import { resolveConfig } from "../config/config.js";
import { findCheckpoint } from "../saved/find-checkpoint.js";
import { openModel } from "../saved/model.js";
import { load } from "../serve/load.js";
import type { Predictor } from "../serve/predictor.js";
import { readMetrics } from "../train/log/metrics-log.js";
import { predictRun } from "./predict-run.js";
import { evaluateSource } from "./score.js";
import { type RunResult, trainRun } from "./train-run.js";

/* Runs over two labels: a click follows from one id, a buy from the other. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-labels-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = Array.from({ length: 400 }, (_, i) => {
  const [a, b] = [i % 5, (i * 7) % 4];
  return { a, b, click: a < 2 ? 1 : 0, buy: b === 3 ? 1 : 0, w: 1 + (i % 3) };
});
const nothing = () => undefined;
const path = join(folder, "rows.csv");
const { backend } = chooseBackend();

const deep = { kind: "pnn", features: ["a", "b"], embeddingDim: 8, mlp: { hiddenUnits: [16] } };
const linear = { kind: "logisticRegression", features: ["a", "b"] };
const adam = { kind: "adam", learningRate: 0.02 };
const sgd = (learningRate: number) => ({
  embedding: { kind: "sgd", learningRate },
  dense: { kind: "sgd", learningRate },
});

function configOf(label: unknown, model: object, train: object = {}, data: object = {}) {
  return resolveConfig({
    data: { train: { path }, valid: { path }, label, cacheDir: join(folder, "cache"), ...data },
    features: [
      { kind: "id", name: "a", buckets: 5 },
      { kind: "id", name: "b", buckets: 4 },
    ],
    model,
    train: { batchSize: 50, epochs: 20, optimizer: { embedding: adam, dense: adam }, ...train },
  });
}

function run(
  name: string,
  config: ReturnType<typeof configOf>,
  { resume = false, baselines = false } = {},
): Promise<RunResult> {
  const signal = new AbortController().signal;
  return trainRun({
    config,
    runDir: join(folder, name),
    backend,
    resume,
    baselines,
    signal,
    listener: () => undefined,
  });
}

const labels = ["click", "buy"];
const runDir = join(folder, "run");
let result: RunResult;
let model: Predictor<Readonly<Record<string, unknown>>, "click" | "buy">;
beforeAll(async () => {
  const lines = rows.map(({ a, b, click, buy, w }) => `${a},${b},${click},${buy},${w}`);
  writeFileSync(path, ["a,b,click,buy,w", ...lines, "0,0,0,2,1", "0,0,0.5,1,1", "0,0,1,,1"].join("\n"));
  const config = configOf(labels, deep, {
    metric: "buy.logLoss",
    earlyStopping: { metric: "click.auc", patience: 20 },
  });
  result = await run("run", config, { baselines: true });
  model = await load<{ data: { label: readonly ["click", "buy"] } }>(runDir);
});

describe("a run over several labels", () => {
  it("quarantines rows with a bad label of any, and names it", () => {
    const { train } = result.report.data;
    expect(train).toMatchObject({ rowsRead: 403, rows: 400, quarantined: 3 });
    expect(train.reasons).toEqual({
      "@label.click: neither 0 nor 1": 1,
      "@label.buy: neither 0 nor 1": 1,
      "@label.buy: missing value": 1,
    });
    const [first] = readFileSync(train.quarantineFile, "utf8").split("\n");
    expect(JSON.parse(first)).toMatchObject({ row: 401, columns: ["buy"], value: "2" });
  });

  it("learns both, and measures each beside its own base rate", () => {
    const [learnt, baseline, rates] = result.report.results;
    for (const { labels: of } of [learnt, baseline])
      for (const label of labels) expect(of![label].auc).toBeGreaterThan(0.99);
    expect(Object.keys(rates.labels!)).toEqual(labels);
    for (const [label, rate] of [
      ["click", 0.4],
      ["buy", 0.25],
    ] as const) {
      const entropy = -rate * Math.log(rate) - (1 - rate) * Math.log(1 - rate);
      expect(rates.labels![label].logLoss).toBeCloseTo(entropy, 6);
      expect(rates.labels![label].baseRate).toBe(rate);
    }
    // Beside them those of the first.
    expect({ ...learnt, ...learnt.labels!.click }).toEqual(learnt);
  });

  it("logs the metrics of each, of which the config's chooses the checkpoint", async () => {
    const lines = readMetrics(join(runDir, "metrics.jsonl"));
    const last = (wanted: string) => lines.filter(({ split }) => split === wanted).at(-1)!.values;
    for (const label of labels) {
      expect(last("train")[`${label}.auc`]).toBeGreaterThan(0.9);
      expect(last("valid")[`${label}.logLoss`]).toBeLessThan(0.4);
    }
    const best = await findBest(runDir);
    expect(best.manifest.metrics["buy.auc"]).toBeGreaterThan(0.99);
    expect(JSON.parse(readFileSync(join(runDir, "checkpoints/best.json"), "utf8")).metric).toBe(
      "buy.logLoss",
    );
  });

  it("is shown as a line for each label", () => {
    const table = metricsTable(result.results);
    for (const label of labels) expect(table).toMatch(new RegExp(`pnn +│ ${label} +│ 1\\.0000`));
    expect(positiveShares(result.results[0].evaluation)).toBe(", click 40 % positive, buy 25 % positive");
  });
});

describe("its predictor", () => {
  it("gives a probability for each label", () => {
    const some = rows.slice(0, 20);
    const { click, buy } = model.predictLabels(some);
    const all = model.predict(some);
    const logits = model.logits(some);
    some.forEach((row, i) => {
      expect([click[i], buy[i]]).toEqual([all[2 * i], all[2 * i + 1]]);
      expect(buy[i]).toBeCloseTo(1 / (1 + Math.exp(-logits[2 * i + 1])), 6);
      expect([click[i] > 0.5, buy[i] > 0.5]).toEqual([row.click === 1, row.buy === 1]);
    });
    expect(() => model.predictOne(rows[0])).toThrow(/predictLabels/);
  });
});

it("a file of predictions has a column for each label", async () => {
  const opened = await openModel(await findCheckpoint(runDir), { backend, maxBatch: 4096 });
  const output = join(folder, "scores.csv");
  await predictRun({
    model: opened,
    source: { path },
    where: "--data",
    output,
    columns: [],
    onRows: nothing,
  });
  const [head, first] = readFileSync(output, "utf8").split("\n");
  expect(head).toBe("row,prediction_click,prediction_buy");
  const predicted = first.split(",").slice(1).map(Number);
  model.predict(rows.slice(0, 1)).forEach((p, k) => {
    expect(predicted[k]).toBeCloseTo(p, 6);
  });
});

it("an evaluation of the source gives the metrics of the report", async () => {
  const opened = await openModel(await findCheckpoint(runDir), { backend, maxBatch: 4096 });
  const { evaluation, rows: counted } = await evaluateSource(opened, { source: { path } }, "--data", nothing);
  expect([counted.used, counted.refused]).toEqual([400, 3]);
  const reported = result.report.results[0].labels!;
  for (const [label, { logLoss }] of evaluation.labels!)
    expect(logLoss).toEqual({ defined: true, value: expect.closeTo(reported[label].logLoss!, 6) });
});

it("outputs that share no weights learn what models of one label learn, to the bit, losses by their weights", async () => {
  const settings = { epochs: 2 };
  const data = { train: { rows }, valid: undefined, weight: "w" };
  const train = { ...settings, optimizer: sgd(0.125), labelWeights: { buy: 4 } };
  await run("both", configOf(labels, linear, train, data));
  await run("click", configOf("click", linear, { ...settings, optimizer: sgd(0.125) }, data));
  await run("buy", configOf(["buy"], linear, { ...settings, optimizer: sgd(0.5) }, data));
  const scored = rows.slice(0, 20);
  const both = (await load(join(folder, "both"), { checkpoint: "latest" })).predictLabels(scored);
  for (const label of labels) {
    const alone = await load(join(folder, label), { checkpoint: "latest" });
    expect(both[label]).toEqual(alone.predict(scored));
  }
});

it("a run resumed ends with the bytes of one that never stopped", async () => {
  const config = (steps: number) => configOf(labels, deep, { epochs: undefined, steps });
  await run("whole", config(14));
  await run("resumed", config(5));
  await run("resumed", config(14), { resume: true });
  const [whole, resumed] = await Promise.all(
    ["whole", "resumed"].map(async (name) =>
      checksumsOf((await findLatest(join(folder, name))).checkpoint!.manifest),
    ),
  );
  expect(resumed).toEqual(whole);
});

it.each([
  ["an unknown label in a metric", labels, { metric: "sale.auc" }, /train\.metric[\s\S]*buy\.auc/],
  ["a metric that there is not", labels, { metric: "buy.aucc" }, /train\.metric/],
  [
    "a metric that the loss does not have",
    labels,
    { metric: "buy.meanSquaredError", loss: { kind: "squaredError" }, earlyStopping: { metric: "buy.auc" } },
    /earlyStopping\.metric[\s\S]*no auc/,
  ],
  ["a name of the only label", "click", { metric: "click.auc" }, /train\.metric[\s\S]*one label/],
  ["a weight of no label", labels, { labelWeights: { sale: 2 } }, /labelWeights\.sale[\s\S]*click, buy/],
  ["a weight of 0", labels, { labelWeights: { buy: 0 } }, /labelWeights\.buy/],
  ["weights of one label", "click", { labelWeights: { click: 2 } }, /labelWeights\.click[\s\S]*one label/],
  [
    "a loss over classes",
    labels,
    { loss: { kind: "softmaxCrossEntropy", classes: 3 } },
    /data\.label[\s\S]*softmaxCrossEntropy/,
  ],
  ["a label twice", ["click", "click"], {}, /data\.label[\s\S]*differ/],
  ["a label that a feature reads", ["click", "a"], {}, /features\[0\][\s\S]*data\.label/],
])("refuses %s", (_, label, train, expected) => {
  expect(() => configOf(label, deep, train)).toThrow(expected);
});
