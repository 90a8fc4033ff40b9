import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { nativeOn } from "../../conformance/backends.js";
import { DiskError } from "../checkpoint/disk.js";
import { type Checkpoint, findLatest } from "../checkpoint/index.js";
import { keysIn } from "../checkpoint/table-layout.js";
import { numbersOf } from "../checkpoint/testing.js";
import { resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { byRows } from "../graph/placement.js";
import { draw, drawKey } from "../random.js";
import { hashTensors } from "../saved/hash-tensors.js";
import { load } from "../serve/load.js";
import { TABLES } from "./table-metrics.js";
import { allocateTiers } from "./tiers.js";
import { Trainer } from "./trainer.js";
import { trainerOf } from "./trainer-of.js";
import type { TrainingEvent } from "./training-event.js";

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
  await trainerOf({ ...options, resume: "steps" in more }).run();
  return (await findLatest(runDir)).checkpoint!;
}

/** Rows that training has met, and others. */
const REQUESTS = Array.from({ length: 900 }, (_, i) => ({ item: `item ${i}`, shop: i % 9 }));

async function predictions(name: string): Promise<Float32Array> {
  return (await load(join(folder, name))).predict(REQUESTS);
}

const STORE = { memory: "12KB", path: join(folder, "rows", "here") };

let plain: Map<string, unknown>;
let tier: Checkpoint;
beforeAll(async () => {
  plain = await numbersOf(await train("plain"));
  tier = await train("tier", STORE);
});

it("ends with the same numbers, which a predictor loads", async () => {
  expect(await numbersOf(tier)).toEqual(plain);
  expect(await predictions("tier")).toEqual(await predictions("plain"));
});

it("saves the rows that training has met, and reads as if it had saved all", async () => {
  const { manifest } = tier;
  const hashes = new Set(ROWS.map(({ item }) => item));
  for (const table of manifest.tables.filter(({ name }) => name.includes(".item."))) {
    expect(table).toMatchObject({ rows: 5001, initial: { seed: 2 } });
    expect(keysIn(table.keys!)).toBeGreaterThan(0.9 * hashes.size);
    expect(keysIn(table.keys!)).toBeLessThanOrEqual(hashes.size);
    const bytes = (ranges: readonly { bytes: number }[]) => ranges.reduce((sum, each) => sum + each.bytes, 0);
    expect(bytes(table.ranges)).toBe(2 * table.dim * keysIn(table.keys!));
  }
  const { checkpoint: whole } = await findLatest(join(folder, "plain"));
  expect(await hashTensors(tier)).toEqual(await hashTensors(whole!));
});

it("says in the log and in the result how many rows were found in memory, read and written", async () => {
  const config = configOf(STORE);
  const { features, splits } = await prepareData(config);
  const logged: Readonly<Record<string, number>>[] = [];
  const listener = (event: TrainingEvent) => {
    if (event.kind === "measured" && event.split === TABLES) logged.push(event.values);
  };
  const options = { config, features, train: splits.train, backend: nativeOn("avx2"), listener };
  const { tiers } = await new Trainer({ ...options, runDir: join(folder, "logged") }).run();
  const { item } = tiers;
  expect(item).toMatchObject({ rows: 5001, recordBytes: expect.any(Number) });
  expect(item.hits + item.prefetched).toBeLessThanOrEqual(item.lookups);
  expect(item.bytesRead).toBeGreaterThanOrEqual(512 * item.reads);
  const shares = logged.map((values) => values["item.memoryHitRate"] + values["item.prefetchedRate"]);
  expect(Math.min(...shares)).toBeGreaterThan(0);
  expect(Math.max(...shares)).toBeLessThanOrEqual(1);
  expect(logged.at(-1)!["item.bytesWritten"]).toBeLessThanOrEqual(item.bytesWritten);
});

it("gives the members of a run, and published versions, the rows that training has met", async () => {
  const more = (to: string) => ({
    seeds: 2,
    checkpoint: { every: 5, keep: 1 },
    publish: { every: 10, to: join(folder, to), full: { every: 3 } },
  });
  const whole = await train("members", undefined, { ...more("versions"), publish: undefined });
  const members = await train("tierMembers", STORE, { ...more("tierVersions"), publish: undefined });
  expect(await numbersOf(members)).toEqual(await numbersOf(whole));
  expect(members.manifest.tables.filter(({ keys }) => keys)).toHaveLength(4);
  expect(await predictions("tierMembers")).toEqual(await predictions("members"));
  await train("published", STORE, { ...more("tierVersions"), seeds: undefined });
  const version = (await findLatest(join(folder, "tierVersions"))).checkpoint!;
  expect(version.chain).toHaveLength(3);
  for (const [name, values] of await numbersOf(version)) expect(plain.get(name), name).toEqual(values);
  expect(await predictions("tierVersions")).toEqual(await predictions("plain"));
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

it("evaluates in the memory that training has, however many rows there are", async () => {
  const measured = async (name: string, store?: object) => {
    const config = configOf(store);
    const { features, splits } = await prepareData(config);
    const { train } = splits;
    const values: unknown[] = [];
    const listener = (event: TrainingEvent) =>
      void (event.kind === "measured" && event.split === "valid" && values.push(event.values));
    const options = { backend: nativeOn("avx2"), runDir: join(folder, name), listener };
    await trainerOf({ ...options, config, features, train, valid: train, resume: false }).run();
    return values;
  };
  const values = await measured("measured-tier", STORE);
  expect(values.length).toBeGreaterThan(0);
  expect(values).toEqual(await measured("measured-plain"));
});

it("refuses a store that is no size, too small, or of a table in two parts", async () => {
  expect(() => configOf({ memory: "8 gigs" })).toThrow(/a size such as/);
  expect(() => configOf({ memory: "0GB" })).toThrow(/a size such as/);
  const composed = { hash: { size: 900, combine: "add" } };
  expect(() => configOf(STORE, {}, composed)).toThrow(/store is for a single table/);
  await expect(train("small", { memory: "700KB" }, {})).resolves.toBeDefined();
  await expect(train("huge", { memory: "900000GB" }, {})).resolves.toBeDefined();
  await expect(train("smaller", { memory: "1KB" })).rejects.toThrow(
    /store of item: the memory for a table is too small/,
  );
  await expect(train("batch", { memory: "2.5KB" })).rejects.toThrow(/rows of a batch do not fit/);
});

it("names the directory that cannot be made for the rows", async () => {
  const path = join(folder, "file", "rows");
  writeFileSync(join(folder, "file"), "");
  const error: unknown = await train("nowhere", { memory: "50%", path }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(DiskError);
  expect((error as DiskError).report).toMatchObject({ where: path, got: expect.stringMatching(/ENOTDIR/) });
  await expect(train("nowhere", { memory: "50%", path: join(folder, "file") })).rejects.toThrow(
    /file: the directory cannot be created[\s\S]*move the file that is there away/,
  );
});

it("a share of a dynamic table's memory is that of a rank's slots, however few rows the table has", () => {
  const shared = (capacity: number, rank: number) => {
    const placement = byRows("user", 2);
    const attrs = {
      name: "user",
      role: "table",
      shape: [capacity, 16],
      translation: "user",
      byKey: true,
      placement,
    };
    let memory = 0;
    const tier = (spec: { memory: number }) => {
      memory = spec.memory;
      return { memories: [undefined] };
    };
    const stores = new Map([["user", { memory: "50%", path: folder }]]);
    allocateTiers({ tier } as never, [attrs as never], stores, rank);
    return memory;
  };
  for (const capacity of [500, 1500, 100_000])
    for (const rank of [0, 1]) expect(shared(capacity, rank)).toBe((0.5 * capacity * 16 * 4) / 2);
});
