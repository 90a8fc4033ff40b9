import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { kindOf } from "../kinds.js";
import { DENSE_OPTIMIZERS } from "../ops/dense-optimizers.js";
import { EMBEDDING_OPTIMIZERS } from "../ops/embedding-optimizers/index.js";
import { Trainer } from "./trainer.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-states-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ROWS = Array.from({ length: 256 }, (_, i) => ({ user: i % 7, price: i % 13, y: i % 7 < 3 ? 1 : 0 }));
const { backend } = chooseBackend();
let runs = 0;

type Numbers = ReadonlyMap<string, Float32Array>;

let prepared: ReturnType<typeof prepareData> | undefined;

/** The table's name has those of states in it. */
const TABLE = "shop/sum/v/user";

interface Steps {
  readonly optimizer: object;
  readonly l2?: object;
  readonly steps?: number;
}

async function train(runDir: string, { optimizer, l2 = {}, steps = 12 }: Steps, resume = false) {
  const config = resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "user", buckets: 7, embedding: TABLE },
      { kind: "number", name: "price", normalize: "zscore" },
    ],
    model: { kind: "mlp", features: ["user", "price"], mlp: { hiddenUnits: [5], norm: "batch" } },
    train: { batchSize: 16, seed: 3, threads: 1, steps, checkpoint: { every: 6 }, optimizer, l2 },
  } as never);
  prepared ??= prepareData(config);
  const { features, splits } = await prepared;
  return new Trainer({ config, features, train: splits.train, backend, runDir, resume }).run();
}

const newRun = () => join(folder, String(runs++));
const checkpointAt = (runDir: string, step: number) =>
  readCheckpoint(join(runDir, "checkpoints", `step-${String(step).padStart(8, "0")}`));

/** Every tensor, by name. */
async function tensorsOf(checkpoint: Checkpoint) {
  const parts = [await checkpoint.openModel(), await checkpoint.openOptimizer()];
  const [model, optimizer] = await Promise.all(
    parts.map(async (part) => {
      const read = [...part.tensors].map(async ([name, { shape }]) => {
        const data = (await part.read(name)) as Float32Array;
        return [name, { dtype: "F32" as const, shape, data }] as const;
      });
      return new Map(await Promise.all(read));
    }),
  );
  for (const part of parts) await part.close();
  return { model, optimizer };
}

async function numbersOf(runDir: string, step: number): Promise<Numbers> {
  const { model, optimizer } = await tensorsOf(await checkpointAt(runDir, step));
  return new Map([...model, ...optimizer].map(([name, { data }]) => [name, data]));
}

/** A run whose only checkpoint is this one, but for the signs of one tensor. */
async function negated(checkpoint: Checkpoint, name: string): Promise<string> {
  const { model, optimizer } = await tensorsOf(checkpoint);
  const part = optimizer.has(name) ? optimizer : model;
  const tensor = part.get(name)!;
  part.set(name, { ...tensor, data: tensor.data.map((x) => -x) });
  const tables = checkpoint.manifest.tables.map(({ name, states }) => ({
    name,
    states: states.map((state) => state.name),
  }));
  const runDir = newRun();
  await writeCheckpoint(runDir, { ...checkpoint.manifest, model, optimizer, tables });
  return runDir;
}

const kinds = [
  ...DENSE_OPTIMIZERS.map((optimizer) => ["dense", kindOf(optimizer)]),
  ...EMBEDDING_OPTIMIZERS.map((optimizer) => ["embedding", kindOf(optimizer)]),
];
const other = (part: string) => (part === "dense" ? "embedding" : "dense");

it.each(kinds)("a run of the %s optimizer %s is not resumed from negative squares", async (part, kind) => {
  const optimizer = { [part]: { kind }, [other(part)]: { kind: "sgd" } };
  const runDir = newRun();
  await train(runDir, { optimizer });
  const checkpoint = await checkpointAt(runDir, 12);
  for (const [name, numbers] of await numbersOf(runDir, 12)) {
    if (!/\/\w+$|running_variance$/.test(name) || name.endsWith("weight")) continue;
    const resumed = train(await negated(checkpoint, name), { optimizer, steps: 13 }, true);
    // Squares are those of which no number is below 0: averages and momentums have numbers of both signs.
    if (Math.min(...numbers) < 0) await resumed;
    else
      await expect(resumed, name).rejects.toThrow(/has a mean or sum of squares below 0[\s\S]*got: {6}-\d/);
  }
});

it.each(kinds)("at a learning rate of 0, the %s optimizer %s changes no weight", async (part, kind) => {
  const settings = { kind, learningRate: 0, ...(/adamw|lamb/i.test(kind) && { weightDecay: 0.1 }) };
  const runDir = newRun();
  const optimizer = { [part]: settings, [other(part)]: { kind: "sgd" } };
  await train(runDir, { optimizer, l2: { [part]: 0.01 } });
  const [before, after] = [await numbersOf(runDir, 6), await numbersOf(runDir, 12)];
  const isOfPart = (name: string) =>
    name.startsWith("embeddings.") === (part === "embedding") && /\.(weight|bias|gamma|beta)$/.test(name);
  const changed = [...after].filter(([name, numbers]) => numbers.some((x, i) => x !== before.get(name)![i]));
  expect(changed.map(([name]) => name).filter(isOfPart)).toEqual([]);
  expect(changed.length).toBeGreaterThan(0);
});
