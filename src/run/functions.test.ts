import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import * as root from "../index.js";
import type { ConfigInput } from "../train-entry.js";
import * as entry from "../train-entry.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-functions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rowsOf = (count: number, from: number) =>
  Array.from({ length: count }, (_, k) => {
    const i = from + k;
    return { a: (i * 7) % 9, b: (i * i) % 5, y: ((i * 7) % 9) + (i % 4) > 5 };
  });

const config: ConfigInput = {
  data: {
    train: { rows: rowsOf(400, 0) },
    valid: { rows: rowsOf(200, 400) },
    test: { rows: rowsOf(200, 600) },
    label: "y",
    cacheDir: join(folder, "cache"),
  },
  features: [
    { kind: "id", name: "a", buckets: 9 },
    { kind: "id", name: "b", buckets: 5 },
  ],
  model: { kind: "fm", embeddingDim: 4, features: ["a", "b"] },
  train: { batchSize: 32, epochs: 1, threads: 1 },
  search: { "train.optimizer.embedding.learningRate": { log: [1e-3, 0.1] } },
};

describe("the functions of pairloom/train", () => {
  it("stand there only, all of them", () => {
    const names = ["train", "search", "evaluate", "predict"] as const;
    for (const name of names) expect(entry).toHaveProperty(name, expect.any(Function));
    for (const name of names) expect(root).not.toHaveProperty(name);
  });

  it("train goes on with new rows, and says what does not go together with that", async () => {
    const days = join(folder, "days");
    const write = (day: number, rows: object[]) =>
      writeFileSync(join(days, `${day}.json`), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    mkdirSync(days);
    write(1, rowsOf(400, 0));
    const data = { train: { path: `${days}/*.json` }, label: "y", cacheDir: join(folder, "cache") };
    const growing: ConfigInput = { ...config, data, search: undefined };
    const options = { backend: "reference", runDir: join(folder, "growing") } as const;
    const { report } = await entry.train(growing, options);
    write(2, rowsOf(100, 400));
    const went = await entry.train(growing, { ...options, continue: true });
    expect(went).toMatchObject({ runDir: options.runDir, interrupted: false, stretches: 1, rows: 100 });
    expect(went.checkpoint.manifest.step).toBe(report.training.step + 4);
    expect(await entry.train(growing, { ...options, continue: true })).toMatchObject({
      stretches: 0,
      rows: 0,
    });
    const refused: [entry.TrainOptions, RegExp][] = [
      [{ continue: true }, /runDir/],
      [{ ...options, continue: true, resume: true }, /resume or baselines/],
      [{ ...options, continue: true, baselines: true }, /resume or baselines/],
      [{ untilEnd: true }, /untilEnd is for continue/],
    ];
    for (const [given, reason] of refused)
      await expect(entry.train(growing, given as { continue: false })).rejects.toThrow(reason);
  });

  it("search a config, or the file of one, as train trains it", async () => {
    const file = join(folder, "pairloom.config.json");
    writeFileSync(file, JSON.stringify(config));
    const places = ["object", "file"].map((name) => join(folder, name));
    const options = { backend: "reference", trials: 3 } as const;
    const reports = [
      await entry.search(config, { ...options, runDir: places[0] }),
      await entry.search(file, { ...options, runDir: places[1] }),
    ];
    expect(reports.map(({ runDir }) => runDir)).toEqual(places);
    const [ofObject, ofFile] = reports.map(({ results, best }) => ({
      results: results.map(({ seconds, ...result }) => result),
      best: [best!.trial, best!.settings, best!.value],
    }));
    expect(ofFile).toEqual(ofObject);

    const { best } = reports[0];
    const { evaluation } = await entry.evaluate(best!.runDir, { split: "test", backend: "reference" });
    const { auc } = best!.report!.results[0];
    expect(evaluation.auc).toEqual({ defined: true, value: auc });
    const resumed = await entry.search(config, { ...options, runDir: places[0], resume: true });
    expect(resumed.best?.value).toBe(best!.value);
  });

  it("search without a directory makes one in runs/, as train does", async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      const { runDir } = await entry.search(config, { backend: "reference", trials: 1 });
      expect(runDir).toMatch(/^runs.pairloom-functions-/);
      expect(existsSync(join(runDir, "search.json"))).toBe(true);
    } finally {
      process.chdir(before);
    }
  });
});
