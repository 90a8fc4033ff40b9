import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { findLatest } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { MISSING_KEY } from "../graph/translation.js";
import { trainerOf } from "../train/trainer-of.js";
import { describeModel } from "./model.js";
import { SavedTables, tableReports } from "./tables.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-saved-tables-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = Array.from({ length: 60 }, (_, i) => ({ item: `item ${i % 7}`, shop: i % 5, y: i % 2 }));
const { backend } = chooseBackend();

async function trained(train: object) {
  const config = resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", dynamic: { capacity: 20 } },
      { kind: "id", name: "shop", buckets: 5 },
    ],
    model: { kind: "fm", features: ["item", "shop"], embeddingDim: 2 },
    train: { batchSize: 20, steps: 3, ...train },
  });
  const { features, splits } = await prepareData(config);
  const runDir = mkdtempSync(join(folder, "run-"));
  const options = { config, features, train: splits.train, backend, runDir };
  await trainerOf(options).run();
  const checkpoint = (await findLatest(runDir)).checkpoint!;
  return { checkpoint, model: await describeModel(checkpoint, {}) };
}

it.each([
  { train: {}, prefixes: [""] },
  { train: { seeds: 2 }, prefixes: ["members.0.", "members.1."] },
])(
  "all tables of a feature are its own, also those of first-order terms: $prefixes",
  async ({ train, prefixes }) => {
    const { checkpoint, model } = await trained(train);
    const tables = await SavedTables.open(checkpoint, model, backend);
    const found = tables.tables.map(({ name, features }) => [name, features.map((feature) => feature.name)]);
    const expected = prefixes.flatMap((prefix) =>
      ["embeddings", "linear"].flatMap((kind) =>
        ["item", "shop"].map((table) => [`${prefix}${kind}.${table}.weight`, [table]]),
      ),
    );
    expect(new Map(found as [string, string[]][])).toEqual(new Map(expected as [string, string[]][]));
    for (const table of tables.tables) {
      const { row, vector, score } = await tables.find(
        table,
        table.features[0].name === "item" ? "item 3" : "3",
      );
      expect(row).toBeGreaterThan(0);
      expect(score).toEqual(table.dynamic && prefixes.length === 1 ? expect.any(Number) : undefined);
      expect(vector).toEqual(await tables.rows(table, row, 1));
    }
    const item = tables.tables.find(({ features }) => features[0].name === "item")!;
    expect((await tables.find(item, "")).key).toBe(MISSING_KEY);
    expect((await tables.find(item, "0")).key).toBe(0n);
    await tables.close();
    const reports = Object.entries(await tableReports(checkpoint, model, backend));
    expect(reports.map(([name]) => name)).toEqual(prefixes.map((prefix) => `${prefix}item`));
    for (const [, { size, histogram }] of reports)
      expect([size, histogram.length > 0]).toEqual([7, prefixes.length === 1]);
  },
);
