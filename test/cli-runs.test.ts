import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunLock } from "../src/checkpoint/index.js";
import { cli, makeWorld, type World } from "./cli-world.js";

let world: World;

interface Given {
  readonly config: object;
  readonly valid?: readonly number[];
  readonly best?: number;
  readonly report?: object;
}

/** What a run leaves, as far as the table reads it. Validation AUC at the steps 10, 20, … */
function leave(name: string, { config, valid = [], best, report }: Given): void {
  mkdirSync(`runs/${name}/checkpoints`, { recursive: true });
  const lines = valid.map((auc, i) => ({
    step: 10 * (i + 1),
    epoch: 0,
    split: "valid",
    values: { auc, logLoss: 1 - auc },
    time: 100 + 2 * i,
  }));
  const write = (file: string, value: object) => writeFileSync(`runs/${name}/${file}`, JSON.stringify(value));
  write("config.json", config);
  writeFileSync(`runs/${name}/metrics.jsonl`, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  if (best) write("checkpoints/best.json", { checkpoint: `step-000000${best}`, step: best });
  if (report) write("report.json", report);
}

const config = (rate: number, kind = "dlrm") => ({
  data: { label: "y" },
  features: [{ name: "origin", dim: rate > 0.1 ? 16 : 8 }],
  model: { kind, ...(kind === "dlrm" && { embeddingDim: 8 }) },
  train: { metric: "auc", optimizer: { embedding: { kind: "adam", learningRate: rate } } },
});

const finished = (auc: number, test?: number) => ({
  seconds: { total: 12.34 },
  training: { reason: "finished", step: 30 },
  measuredOn: test === undefined ? "valid" : "test",
  results: [{ name: "dlrm", rows: 50, auc: test ?? auc, logLoss: null }],
});

let lock: RunLock;
beforeAll(async () => {
  world = makeWorld();
  leave("middle", { config: config(0.1), valid: [0.6, 0.72, 0.7], best: 20, report: finished(0, 0.71) });
  leave("best-of-all-runs-with-a-very-long-name", { config: config(0.2), valid: [0.8] });
  leave("other-model", { config: config(0.1, "fm"), valid: [0.5], report: finished(0.5) });
  leave("broken", { config: config(9) });
  writeFileSync("runs/broken/diverged-step-00000007.jsonl", "");
  leave("now", { config: config(0.1), valid: [0.4] });
  lock = await RunLock.acquire("runs/now");
  mkdirSync("runs/no-run/x", { recursive: true });
});
afterAll(async () => {
  await lock.release();
  world.remove();
});

it("shows the runs, best first, with the settings in which they differ", async () => {
  const { code, out } = await cli("runs");
  expect(code).toBe(0);
  const lines = out.trimEnd().split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  const [, , , ...rows] = lines.map((line) => line.replaceAll(/\d\d-\d\d \d\d:\d\d/g, "WHEN"));
  const compact = rows.map((row) => row.trim().replaceAll(/ +/g, " "));
  const dim = (dims: number, rate: number) =>
    `dlrm, features.origin.dim ${dims}, train.optimizer.embedding.learningRate ${rate}`;
  expect(compact.join("\n").replaceAll(",\n", ", ")).toBe(
    [
      "…ll-runs-with-a-very-long-name WHEN 0.8000 0.0 stopped",
      dim(16, 0.2),
      "middle WHEN 0.7200 0.7100 12.3 finished",
      dim(8, 0.1),
      "other-model WHEN 0.5000 12.3 finished",
      dim(8, 0.1).replace("dlrm", "fm"),
      "now WHEN 0.4000 0.0 running",
      dim(8, 0.1),
      "broken WHEN 0.0 diverged",
      dim(16, 9),
    ].join("\n"),
  );
});

it("sorts by another metric, and gives all numbers as JSON", async () => {
  const { out } = await cli("runs", "runs", "--metric", "logLoss", "--json");
  const runs = JSON.parse(out);
  expect(runs.map(({ name }: { name: string }) => name).slice(0, 2)).toEqual([
    "best-of-all-runs-with-a-very-long-name",
    "middle",
  ]);
  expect(runs[1]).toMatchObject({
    model: "dlrm",
    seeds: 1,
    steps: 30,
    seconds: 12.34,
    status: "finished",
    valid: { auc: 0.72, logLoss: expect.closeTo(0.28) },
    test: { auc: 0.71 },
    settings: { "model.kind": "dlrm", "features.origin.dim": 8 },
  });
});

it("says what a directory without runs has", async () => {
  for (const [place, got] of [
    ["nowhere", "nothing there"],
    ["runs/no-run", "no run directories"],
    ["runs/middle", "a run itself"],
    ["runs/middle/config.json", "a file"],
  ])
    expect((await cli("runs", place)).err).toMatch(new RegExp(`there are no runs[\\s\\S]*got: +${got}`));
  expect((await cli("runs", "--metric", "speed")).err).toContain("--metric has an unknown value");
});

it("breaks long values of settings, and names no setting that a run does not have", async () => {
  const features = Array.from({ length: 30 }, (_, i) => `feature${i}`);
  const of = (path: string, names: string[]) => ({
    ...config(0.1),
    data: {
      source: { path, sql: `SELECT ${names.join(", ")}, y FROM source` },
      split: { seed: 1 },
      label: "y",
    },
    model: { kind: "fm", features: names },
  });
  mkdirSync("runs/several");
  leave("several/one", { config: of("a.csv", features), valid: [0.6] });
  leave("several/two", { config: of("b.csv", features.slice(1)), valid: [0.7] });
  const { out } = await cli("runs", "runs/several");
  const lines = out.trimEnd().split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(out).not.toContain("undefined");
  const text = out.replaceAll(/\s+/g, " ");
  expect(text).toContain(`data.source.sql "SELECT ${features.join(", ")}, y FROM source"`);
  expect(text).toContain('"feature0", "feature1", "feature2"');
});
