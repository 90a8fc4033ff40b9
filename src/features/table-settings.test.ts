import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-tables-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = Array.from({ length: 40 }, (_, i) => ({ a: i % 5, b: [i % 3], x: i / 7, y: i % 2 }));

const prepare = (cacheDir: string, settings: object) =>
  prepareData(
    resolveConfig({
      data: { train: { rows }, label: "y", cacheDir: join(folder, cacheDir) },
      features: [
        { kind: "id", name: "a", vocabulary: {}, ...settings },
        { kind: "ids", name: "b", hash: 10, ...settings },
        { kind: "number", name: "x", boundaries: [1, 2], ...settings },
        { kind: "number", name: "z", column: "x", normalize: "zscore" },
        { kind: "lookup", name: "l", map: "b", key: "a", hash: 7, ...settings },
      ],
      model: { kind: "logisticRegression", features: ["a"] },
    }),
  );

describe("settings of tables", () => {
  it.each([
    { dim: 4 },
    { dim: 4, dtype: "fp16", trainable: false },
    { initializer: { kind: "normal", mean: 0, std: 1 } },
  ])("%j change the features, and not the packed data", async (settings) => {
    const cacheDir = JSON.stringify(settings).replaceAll(/\W/g, "");
    const plain = await prepare(cacheDir, {});
    const changed = await prepare(cacheDir, settings);
    expect([plain.fromCache, changed.fromCache]).toEqual([false, true]);
    expect(changed.splits.train.fingerprint).toBe(plain.splits.train.fingerprint);
    const fresh = await prepare(`fresh-${cacheDir}`, settings);
    expect(fresh.fromCache).toBe(false);
    expect(changed.features).toEqual(fresh.features);
    expect((await prepare(`fresh-${cacheDir}`, {})).features).toEqual(plain.features);
  });
});
