import "../src/index.js";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { prepareData } from "../src/data/index.js";
import { loadConfig } from "../src/saved/config-file.js";
import { Trainer } from "../src/train/trainer.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const path = join(root, "../shared/data/criteo/train_first10k.tsv");

/** The number in [0, 1) by which rows are split, as in docs/data.md. */
function unit(text: string): number {
  const digest = createHash("md5").update(text).digest();
  return Number(digest.readBigUInt64LE(8) >> 11n) / 2 ** 53;
}

it.skipIf(!existsSync(path))(`examples/criteo reads the raw rows (skipped without ${path})`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "pairloom-criteo-"));
  try {
    const { config } = await loadConfig(join(root, "examples/criteo"));
    const source = { ...config.data.source!, path };
    const data = { ...config.data, source, cacheDir: folder };
    const { features, splits } = await prepareData({ data, features: config.features });
    const { train, valid, test } = splits;

    // The same file by hand.
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    const rows = lines.map((line) => line.split("\t"));
    const units = rows.map((_, i) => unit(`split:0:${i + 1}`));
    const trained = rows.filter((_, i) => units[i] < 0.8);
    const validated = units.filter((u) => u >= 0.8 && u < 0.9).length;
    const tested = units.filter((u) => u >= 0.9).length;
    expect([train.rows, valid?.rows, test?.rows]).toEqual([trained.length, validated, tested]);
    expect(train.quarantined).toBe(0);
    const column = (name: string): number[] => {
      const {
        data: values,
        offset,
        stride,
      } = train.columns.get(name) as {
        data: Float32Array | Int32Array;
        offset: number;
        stride: number;
      };
      return trained.map((_, r) => values[offset + r * stride]);
    };
    expect(column("@label")).toEqual(trained.map(([label]) => Number(label)));
    expect(column("I2")).toEqual(trained.map((row) => Math.fround(Math.log1p(Math.max(Number(row[2]), 0)))));

    const at = 1 + 13 + 25;
    const counts = new Map<string, number>();
    for (const row of trained) counts.set(row[at], (counts.get(row[at]) ?? 0) + 1);
    const frequent = [...counts.keys()].filter((value) => value !== "" && counts.get(value)! >= 10);
    frequent.sort((a, b) => counts.get(b)! - counts.get(a)! || (a < b ? -1 : 1));
    const rowOf = (value: string) => {
      if (value === "") return frequent.length + 1;
      return frequent.includes(value) ? frequent.indexOf(value) : frequent.length;
    };
    expect(column("C26")).toEqual(trained.map((row) => rowOf(row[at])));

    const { epochs: _, ...settings } = config.train;
    const short = { ...config, train: { ...settings, steps: 2 } };
    const runDir = join(folder, "run");
    const trainer = new Trainer({ config: short, features, train, valid, backend: referenceBackend, runDir });
    expect((await trainer.run()).position.step).toBe(2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
