import "../src/index.js";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { click } from "../examples/clicks/click.js";
import { effect, fixed, Random } from "../examples/clicks/random.js";
import { writeRows } from "../examples/clicks/write-rows.js";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { prepareData } from "../src/data/index.js";
import { loadConfig } from "../src/saved/config-file.js";
import { Trainer } from "../src/train/trainer.js";

/* examples/clicks, with few rows and steps. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-clicks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = 300;

const sum = (values: readonly number[]) => values.reduce((total, x) => total + x, 0);
const normals = (count: number) => Array.from({ length: count }, (_, i) => effect(9, i));
const rowsOf = (path: string) => readFileSync(path, "utf8").trimEnd().split("\n").slice(1);

it("writes the same row for a number, whatever rows are written with it", () => {
  const [all, part] = ["all.csv", "part.csv"].map((name) => join(folder, name));
  writeRows(all, click, 0, 50);
  writeRows(part, click, 20, 10);
  expect(rowsOf(part)).toEqual(rowsOf(all).slice(20, 30));
});

it("draws effects that are normal, and uniform numbers", () => {
  const values = normals(20_000);
  expect(sum(values) / values.length).toBeCloseTo(0, 1);
  expect(sum(values.map((x) => x * x)) / values.length).toBeCloseTo(1, 1);
  const bins = new Array(10).fill(0);
  for (let i = 0; i < 20_000; i++) bins[Math.floor(10 * fixed(9, i))]++;
  // Each bin is binomial, with the standard deviation 42.
  for (const bin of bins) expect(Math.abs(bin - 2000)).toBeLessThan(5 * 42);
});

it("has a rare label, and ids nested as the README says", () => {
  const rows = Array.from({ length: 5000 }, (_, i) => click(new Random(0, i)));
  const rate = sum(rows.map(({ label }) => label)) / rows.length;
  expect(rate).toBeGreaterThan(0.05);
  expect(rate).toBeLessThan(0.15);
  for (const [child, parent] of [
    ["title", "ad"],
    ["ad", "advertiser"],
    ["url", "advertiser"],
    ["advertiser", "category"],
    ["user", "gender"],
    ["user", "age"],
  ] as const) {
    const parents = new Map(rows.map((row) => [row[child], row[parent]]));
    expect(rows.filter((row) => row[parent] !== parents.get(row[child]))).toEqual([]);
  }
});

it("trains with its config", async () => {
  const { config } = await loadConfig(fileURLToPath(new URL("../examples/clicks", import.meta.url)));
  const [train, valid, test] = ["train", "valid", "test"].map((name, i) => {
    const path = join(folder, `${name}.csv`);
    writeRows(path, click, ROWS * i, ROWS);
    return { path };
  });
  const data = { ...config.data, train, valid, test, cacheDir: folder };
  const { features, splits } = await prepareData({ data, features: config.features });
  expect(
    [splits.train, splits.valid!, splits.test!].map(({ rows, quarantined }) => [rows, quarantined]),
  ).toEqual([0, 0, 0].map(() => [ROWS, 0]));
  const short = { ...config, data, train: { ...config.train, steps: 2 } };
  const runDir = join(folder, "run");
  const { train: rows, valid: held } = splits;
  const trainer = new Trainer({
    config: short,
    features,
    train: rows,
    valid: held,
    backend: referenceBackend,
    runDir,
  });
  expect((await trainer.run()).position.step).toBe(2);
});
