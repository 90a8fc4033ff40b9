import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { nativeOn } from "../../conformance/backends.js";
import { DiskError } from "../checkpoint/disk.js";
import { type Checkpoint, findLatest } from "../checkpoint/index.js";
import { numbersOf } from "../checkpoint/testing.js";
import { resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { draw, drawKey } from "../random.js";
import { load } from "../serve/load.js";
import { Trainer } from "./trainer.js";

/* Runs whose tables are larger than the memory that they may take, beside runs with all rows in memory. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-tiers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = drawKey(3, 0, 0);
const ROWS = Array.from({ length: 480 }, (_, i) => ({
  item: `item ${draw(key, 2 * i) % 700}`,
  shop: draw(key, 2 * i + 1) % 9,
  y: draw(key, 3000 + i) % 2,
}));

const configOf = (store?: object, more: object = {}, mapping: object = { hash: 5000 }) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", ...mapping, dtype: "bf16", store } as never,
      { kind: "id", name: "shop", buckets: 9 },
    ],
    model: {
      kind: "deepfm",
      wide: { features: ["item", "shop"] },
      deep: { features: ["item", "shop"], mlp: { hiddenUnits: [4] } },
      embeddingDim: 3,
    },
    train: {
      batchSize: 16,
      steps: 30,
      seed: 2,
      checkpoint: { every: 5, keep: 100 },
      optimizer: { embedding: { kind: "adam", learningRate: 0.05 }, dense: { kind: "adam" } },
      ...more,
    },
  });

async function train(name: string, store?: object, more: object = {}): Promise<Checkpoint> {
  const config = configOf(store, more);
  const { features, splits }: PreparedData = await prepareData(config);
  const runDir = join(folder, name);
  const options = { config, features, train: splits.train, backend: nativeOn("avx2"), runDir };
  await new Trainer({ ...options, resume: "steps" in more }).run();
  return (await findLatest(runDir)).checkpoint!;
}

let plain: Map<string, unknown>;
beforeAll(async () => {
  plain = await numbersOf(await train("plain"));
});

const STORE = { memory: "12KB", path: join(folder, "rows", "here") };

it("ends with the same numbers, which a predictor loads", async () => {
  const checkpoint = await train("tier", STORE);
  expect(await numbersOf(checkpoint)).toEqual(plain);
  const row = { item: "item 7", shop: 3 };
  const [tier, whole] = await Promise.all(["tier", "plain"].map((run) => load(join(folder, run))));
  expect(await tier.predict([row])).toEqual(await whole.predict([row]));
});

it("ends with the same numbers when it is resumed, also with other memory or none", async () => {
  await train("resumed", STORE, { steps: 7 });
  await train("resumed", { memory: "30%" }, { steps: 16 });
  expect(await numbersOf(await train("resumed", undefined, { steps: 30 }))).toEqual(plain);
});

it("saves only the changed rows where the checkpoints are incremental", async () => {
  const more = { checkpoint: { every: 5, keep: 100, full: { every: 4 } } };
  const checkpoint = await train("incremental", STORE, more);
  const whole = await numbersOf(checkpoint);
  for (const [name, values] of plain) expect(whole.get(name), name).toEqual(values);
});

it("refuses a store that is no size, too small, or of a table without a fixed size", async () => {
  expect(() => configOf({ memory: "8 gigs" })).toThrow(/a size such as/);
  expect(() => configOf({ memory: "0GB" })).toThrow(/a size such as/);
  for (const mapping of [{ dynamic: { capacity: 50 } }, { hash: { size: 900, combine: "add" } }])
    expect(() => configOf(STORE, {}, mapping)).toThrow(/store is for a table of fixed size/);
  await expect(train("small", { memory: "700KB" }, {})).resolves.toBeDefined();
  await expect(train("smaller", { memory: "1KB" })).rejects.toThrow(/the memory for a table is too small/);
  await expect(train("batch", { memory: "2.5KB" })).rejects.toThrow(/rows of a batch do not fit/);
});

it("names the directory that cannot be made for the rows", async () => {
  const path = join(folder, "file", "rows");
  writeFileSync(join(folder, "file"), "");
  const error: unknown = await train("nowhere", { memory: "50%", path }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(DiskError);
  expect((error as DiskError).report).toMatchObject({ where: path, got: expect.stringMatching(/ENOTDIR/) });
});
