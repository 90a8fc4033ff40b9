import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend } from "../src/backends/backend.js";
import {
  type Checkpoint,
  findLatest,
  MODEL_FILE,
  readCheckpoint,
  type TensorSource,
  writeCheckpoint,
} from "../src/checkpoint/index.js";
import { checksumsOf } from "../src/checkpoint/testing.js";
import type { Column } from "../src/columns/columns.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { type PreparedData, prepareData } from "../src/data/index.js";
import type { FittedFeatures, FittedTable } from "../src/features/fitted.js";
import type { DynamicSpec, TranslationSpec } from "../src/graph/translation.js";
import { draw, drawKey } from "../src/random.js";
import { openModel } from "../src/saved/model.js";
import { Predictor } from "../src/serve/predictor.js";
import { Trainer, type TrainerOptions } from "../src/train/trainer.js";
import type { TrainingEvent } from "../src/train/training-event.js";
import { BACKENDS } from "./backends.js";

/*
 * Translated tables in whole runs: training that stops and goes on, evaluation of checkpoints, and prediction, each
 * against a model whose ids are its rows.
 */

const folder = mkdtempSync(join(tmpdir(), "pairloom-translations-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;
const newRun = () => join(folder, `run-${runs++}`);

const IDS = 40;
const BATCH = 32;

/** `known(i)`: row i has ids below this. */
function rowsOf(count: number, stream: number, known: (i: number) => number): Record<string, unknown>[] {
  const key = drawKey(7, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const id = (n: number) => draw(key, 8 * i + n) % known(i);
    const item = id(0);
    const seen = Array.from({ length: draw(key, 8 * i + 1) % 4 }, (_, n) => id(2 + n));
    return { item, seen, user: draw(key, 8 * i + 6) % 5, y: (item + draw(key, 8 * i + 7)) % 3 === 0 ? 1 : 0 };
  });
}

/** New ids come until the end of the training rows, which meet 30; the validation rows have others too. */
const TRAIN = rowsOf(300, 1, (i) => 1 + Math.floor(i / 10));
const VALID = rowsOf(120, 2, () => IDS);

function configOf(train: Record<string, unknown> = {}): Config {
  return resolveConfig({
    data: { train: { rows: TRAIN }, valid: { rows: VALID }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "user", buckets: 5 },
      { kind: "id", name: "item", buckets: IDS, embedding: "things" },
      { kind: "ids", name: "seen", buckets: IDS, pooling: "mean", embedding: "things" },
    ],
    model: {
      kind: "deepfm",
      embeddingDim: 4,
      wide: { features: ["user", "item", "seen"] },
      deep: { features: ["user", "item", "seen"], mlp: { hiddenUnits: [8], dropout: 0.1 } },
    },
    train: {
      ...{ batchSize: BATCH, epochs: 2, seed: 5, threads: 2, shuffle: false },
      average: { decay: 0.9 },
      optimizer: {
        dense: { kind: "adam", learningRate: 0.01 },
        embedding: { kind: "adam", learningRate: 0.05 },
      },
      checkpoint: { every: 4, keep: 50 },
      ...train,
    },
  });
}

let prepared: PreparedData;
beforeAll(async () => {
  const { data, features } = configOf();
  prepared = await prepareData({ data, features });
});

/** The features with another way from the ids of `things` to rows. */
function translated(spec: Exclude<TranslationSpec, DynamicSpec>): FittedFeatures {
  const rows = spec.kind === "permutation" ? spec.rows.length : spec.rows;
  const features = prepared.features.features.map((feature) =>
    feature.kind !== "number" && feature.table === "things"
      ? { ...feature, rows, translation: { ...spec, ids: feature.rows } }
      : feature,
  );
  return { ...prepared.features, features };
}

const idsOfThings = () => (prepared.features.features[1] as unknown as FittedTable).rows;
const firstCome = (rows = idsOfThings() + 1) => translated({ kind: "firstCome", rows });
const permutation = () => {
  const ids = idsOfThings();
  return translated({ kind: "permutation", rows: Array.from({ length: ids }, (_, id) => ids - 1 - id) });
};

function trainerFor(backend: Backend, features: FittedFeatures, options: Partial<TrainerOptions> = {}) {
  const { train, valid } = prepared.splits;
  return new Trainer({ config: configOf(), features, train, valid, backend, runDir: newRun(), ...options });
}

/** Ids in the order in which the first `rows` rows meet them: in each the item, then what was seen. */
function met(rows = TRAIN.length): number[] {
  const { columns } = prepared.splits.train;
  return [...new Set(Array.from({ length: rows }, (_, row) => idsIn(columns, row)).flat())];
}

function idsIn(columns: ReadonlyMap<string, Column>, row: number): number[] {
  const item = columns.get("item") as Extract<Column, { kind: "id" }>;
  const seen = columns.get("seen") as Extract<Column, { kind: "ids" }>;
  const bag = seen.values.subarray(Number(seen.offsets[row]), Number(seen.offsets[row + 1]));
  return [item.data[item.offset + row * item.stride], ...bag].map(Number);
}

async function tensorsOf(checkpoint: Checkpoint): Promise<Map<string, TensorSource>> {
  const file = await checkpoint.openModel();
  const tensors = new Map<string, TensorSource>();
  for (const [name, { dtype, shape }] of file.tensors)
    tensors.set(name, { dtype: dtype as TensorSource["dtype"], shape, data: await file.read(name) });
  await file.close();
  return tensors;
}

async function stateOf(checkpoint: Checkpoint): Promise<number[]> {
  return Array.from((await tensorsOf(checkpoint)).get("translations.things")!.data as BigInt64Array, Number);
}

/** The checkpoint of a model that gives the same scores with ids as rows: row `id` has what row `rowOf(id)` has. */
async function withIdsAsRows(checkpoint: Checkpoint, rowOf: (id: number) => number): Promise<Checkpoint> {
  const model = await tensorsOf(checkpoint);
  model.delete("translations.things");
  for (const [name, { shape, data }] of model) {
    if (!name.includes(".things.")) continue;
    const dim = shape[1];
    const rows = Array.from({ length: idsOfThings() }, (_, id) => rowOf(id) * dim);
    const moved = rows.flatMap((from) => [...(data as Float32Array).subarray(from, from + dim)]);
    model.set(name, { dtype: "F32", shape: [idsOfThings(), dim], data: Float32Array.from(moved) });
  }
  const content = { ...checkpoint.manifest, features: prepared.features, model, optimizer: new Map() };
  return writeCheckpoint(newRun(), { ...content, tables: [] });
}

async function predict(checkpoint: Checkpoint, backend: Backend): Promise<Float32Array> {
  return new Predictor(await openModel(checkpoint, { backend, maxBatch: 1024, threads: 2 })).logits(VALID);
}

async function stopAtFirstCheckpoint(backend: Backend, features: FittedFeatures, runDir: string) {
  const controller = new AbortController();
  const listener = ({ kind }: TrainingEvent) => {
    if (kind === "checkpointed") controller.abort();
  };
  return trainerFor(backend, features, { runDir, signal: controller.signal, listener }).run();
}

async function latest(runDir: string): Promise<Checkpoint> {
  return (await findLatest(runDir, { checksums: true })).checkpoint!;
}

/** Kernels only see rows: one instruction set stands for all. */
describe.each(BACKENDS.slice(0, 2))("a run with translated tables on $name", ({ use }) => {
  it.each([
    ["first come", firstCome],
    ["permutation", permutation],
  ])("that stops and resumes ends with the bytes of one that never stopped, %s", async (_, features) => {
    const [whole, parts] = [newRun(), newRun()];
    await trainerFor(use(), features(), { runDir: whole }).run();
    const { position } = await stopAtFirstCheckpoint(use(), features(), parts);
    expect(position.step).toBe(4);
    await trainerFor(use(), features(), { runDir: parts, resume: true }).run();
    const [expected, got] = [await latest(whole), await latest(parts)];
    expect(checksumsOf(got.manifest)).toEqual(checksumsOf(expected.manifest));
    expect(await stateOf(got)).toEqual(await stateOf(expected));
  });

  it("keeps in each checkpoint the ids that it has met, in their order", async () => {
    const runDir = newRun();
    const { checkpoint } = await stopAtFirstCheckpoint(use(), firstCome(), runDir);
    expect(await stateOf(checkpoint)).toEqual(met(4 * BATCH));
    await trainerFor(use(), firstCome(), { runDir, resume: true }).run();
    expect(await stateOf(await latest(runDir))).toEqual(met());
    expect(met().length).toBeGreaterThan(met(4 * BATCH).length);
  });

  it.each([
    ["first come", firstCome, (id: number) => met().indexOf(id) + 1],
    ["permutation", permutation, (id: number) => idsOfThings() - 1 - id],
  ])("scores as a model whose ids are its rows, %s", async (_, features, rowOf) => {
    const runDir = newRun();
    const trainer = trainerFor(use(), features(), { runDir });
    await trainer.run();
    const checkpoint = await latest(runDir);
    const plain = await withIdsAsRows(checkpoint, rowOf);
    const scores = await predict(checkpoint, use());
    expect(scores).toEqual(await predict(plain, use()));
    expect(new Set(scores).size).toBeGreaterThan(VALID.length / 2);

    const measured = await trainer.evaluate(checkpoint, prepared.splits.valid!);
    const expected = await trainerFor(use(), prepared.features).evaluate(plain, prepared.splits.valid!);
    expect(measured).toEqual(expected);
    // While it trained, evaluation read the very translation that training changes.
    expect(measured.auc.defined && measured.auc.value).toBe(checkpoint.manifest.metrics.auc);
  });

  it("measures an older checkpoint with the ids that it had met", async () => {
    const runDir = newRun();
    const trainer = trainerFor(use(), firstCome(), { runDir });
    await trainer.run();
    const early = await readCheckpoint(join(runDir, "checkpoints", "step-00000004"));
    const plain = await withIdsAsRows(early, (id) => met(4 * BATCH).indexOf(id) + 1);
    const expected = await trainerFor(use(), prepared.features).evaluate(plain, prepared.splits.valid!);
    expect(await trainer.evaluate(early, prepared.splits.valid!)).toEqual(expected);
  });

  it("fails by name in the step in which a table is full, and its last checkpoint can be used", async () => {
    const rows = 25;
    const full = Math.floor(TRAIN.findIndex((_, row) => met(row + 1).length >= rows) / BATCH);
    expect(full).toBeGreaterThan(4);
    const runDir = newRun();
    const message = new RegExp(`translation things, step ${full}: the table is full`);
    const failing = (resume: boolean) => trainerFor(use(), firstCome(rows), { runDir, resume }).run();
    await expect(failing(false)).rejects.toThrow(message);
    const checkpoint = await latest(runDir);
    expect(checkpoint.manifest.step).toBe(full - (full % 4));
    const known = met(checkpoint.manifest.step * BATCH);
    expect(await stateOf(checkpoint)).toEqual(known);
    const plain = await withIdsAsRows(checkpoint, (id) => known.indexOf(id) + 1);
    expect(await predict(checkpoint, use())).toEqual(await predict(plain, use()));
    await expect(failing(true)).rejects.toThrow(message);
  });
});

describe("the saved state of a translation", () => {
  const { use } = BACKENDS[0];

  it("is refused by name where it is missing, does not fit, or is damaged", async () => {
    const { checkpoint } = await stopAtFirstCheckpoint(use(), firstCome(), newRun());
    const rewritten = async (state?: BigInt64Array): Promise<Checkpoint> => {
      const model = await tensorsOf(checkpoint);
      model.delete("translations.things");
      if (state) model.set("translations.things", { dtype: "I64", shape: [state.length], data: state });
      return writeCheckpoint(newRun(), { ...checkpoint.manifest, model, optimizer: new Map(), tables: [] });
    };
    await expect(predict(await rewritten(), use())).rejects.toThrow(
      /no such tensor[\s\S]*translations\.things/,
    );
    await expect(predict(await rewritten(BigInt64Array.of(3n, 3n)), use())).rejects.toThrow(
      /translations\.things: the state is of another translation[\s\S]*an id twice/,
    );
    const path = join(checkpoint.dir, MODEL_FILE);
    const bytes = readFileSync(path);
    // The widest elements are first, right after the header.
    bytes[8 + Number(bytes.readBigUInt64LE())] ^= 1;
    writeFileSync(path, bytes);
    await expect(predict(await readCheckpoint(checkpoint.dir), use())).rejects.toThrow(/checksum/);
  });
});
