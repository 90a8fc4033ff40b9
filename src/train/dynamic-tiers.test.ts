import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { nativeOn } from "../../conformance/backends.js";
import { findLatest } from "../checkpoint/index.js";
import { numbersOf } from "../checkpoint/testing.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { draw, drawKey } from "../random.js";
import { Trainer, type TrainingResult } from "./trainer.js";

/* Dynamic tables of which memory has only some rows, beside the same tables with all rows in memory. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-dynamic-tiers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = drawKey(3, 0, 0);
/** Old ids come back now and then, new ones keep coming. */
const ROWS = Array.from({ length: 640 }, (_, i) => ({
  item: draw(key, 4 * i) % 3 === 0 ? draw(key, 4 * i + 1) % (i + 9) : Math.floor(i / 4),
  seen: [draw(key, 4 * i + 2) % 40, i % 7],
  y: draw(key, 4 * i + 3) % 2,
}));

const configOf = (dynamic: object, dtype: string, store: object | undefined, more: object) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", embedding: "things", dynamic, dtype, store } as never,
      { kind: "ids", name: "seen", embedding: "things", dynamic, dtype, store } as never,
    ],
    model: { kind: "fm", features: ["item", "seen"], embeddingDim: 3 },
    train: {
      batchSize: 16,
      steps: 40,
      seed: 2,
      shuffle: false,
      checkpoint: { every: 8, keep: 100 },
      optimizer: { embedding: { kind: "adam", learningRate: 0.05 }, dense: { kind: "adam" } },
      clip: { norm: 0.1, embedding: "together" },
      ...more,
    },
  });

async function train(name: string, ...settings: Parameters<typeof configOf>): Promise<TrainingResult> {
  const config = configOf(...settings);
  const { features, splits } = await prepareData(config);
  const runDir = join(folder, name);
  const options = { config, features, train: splits.train, backend: nativeOn("avx2"), runDir };
  return new Trainer({ ...options, resume: "steps" in settings[3] }).run();
}

async function numbers(name: string): Promise<Map<string, unknown>> {
  return numbersOf((await findLatest(join(folder, name))).checkpoint!);
}

it.each([
  ["lru", 7, { capacity: 90 }],
  ["lfu", 7, { capacity: 90, evict: "lfu", unknown: "shared" }],
  ["age", 5.5, { capacity: 300, evict: { kind: "age", steps: 3 }, unknown: { kind: "uniform", range: 0.5 } }],
  ["norm", 7, { capacity: 500, evict: { kind: "norm", below: 0.02, every: 7 } }],
  ["admission", 4.5, { capacity: 60, admit: { count: 2 } }],
])("end with the same numbers, also when they are resumed: %s", async (name, kilobytes, dynamic) => {
  const store = { memory: `${kilobytes}KB`, path: folder };
  const dtype = name === "norm" || name === "lfu" ? "bf16" : "fp32";
  const { tables } = await train(`${name}-plain`, dynamic, dtype, undefined, {});
  const { tables: ofTier, tiers } = await train(`${name}-tier`, dynamic, dtype, store, {});
  expect(ofTier).toEqual(tables);
  expect(tables.things.evicted).toBeGreaterThan(0);
  expect(tiers.things.frames).toBeLessThan(tables.things.size);
  const plain = await numbers(`${name}-plain`);
  expect(await numbers(`${name}-tier`)).toEqual(plain);
  await train(`${name}-resumed`, dynamic, dtype, store, { steps: 13 });
  const full = { checkpoint: { every: 8, keep: 100, full: { every: 3 } } };
  await train(
    `${name}-resumed`,
    dynamic,
    dtype,
    { ...store, memory: `${kilobytes + 1}KB` },
    { steps: 40, ...full },
  );
  expect(await numbers(`${name}-resumed`)).toEqual(plain);
});
