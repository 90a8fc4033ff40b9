import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { readCheckpoint } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { kindOf } from "../kinds.js";
import { DENSE_OPTIMIZERS } from "../ops/dense-optimizers.js";
import { EMBEDDING_OPTIMIZERS } from "../ops/embedding-optimizers/index.js";
import { refusePoisoned } from "./parameter-memory.js";
import { isOfSquares } from "./step/state.js";
import { Trainer } from "./trainer.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-states-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ROWS = Array.from({ length: 256 }, (_, i) => ({ user: i % 7, price: i % 13, y: i % 7 < 3 ? 1 : 0 }));
const { backend } = chooseBackend();
let runs = 0;

type Numbers = ReadonlyMap<string, Float32Array>;

/** The tensors of the checkpoints before the first step and after the last one, by name. */
async function trained(optimizer: object, l2 = {}): Promise<{ before: Numbers; after: Numbers }> {
  const config = resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "user", buckets: 7 },
      { kind: "number", name: "price", normalize: "zscore" },
    ],
    model: { kind: "mlp", features: ["user", "price"], mlp: { hiddenUnits: [5] } },
    train: { batchSize: 16, seed: 3, threads: 1, steps: 12, checkpoint: { every: 6 }, optimizer, l2 },
  } as never);
  const { features, splits } = await prepareData(config);
  const runDir = join(folder, String(runs++));
  await new Trainer({ config, features, train: splits.train, backend, runDir }).run();
  const [before, after] = await Promise.all([6, 12].map((step) => numbersOf(runDir, step)));
  return { before, after };
}

async function numbersOf(runDir: string, step: number): Promise<Numbers> {
  const checkpoint = await readCheckpoint(
    join(runDir, "checkpoints", `step-${String(step).padStart(8, "0")}`),
  );
  const numbers = new Map<string, Float32Array>();
  for (const file of [await checkpoint.openModel(), await checkpoint.openOptimizer()]) {
    for (const name of file.tensors.keys()) numbers.set(name, (await file.read(name)) as Float32Array);
    await file.close();
  }
  return numbers;
}

const kinds = [
  ...DENSE_OPTIMIZERS.map((optimizer) => ["dense", kindOf(optimizer)]),
  ...EMBEDDING_OPTIMIZERS.map((optimizer) => ["embedding", kindOf(optimizer)]),
];
const other = (part: string) => (part === "dense" ? "embedding" : "dense");

it.each(kinds)(
  "states of squares of the %s optimizer %s are not negative, and refused where they are",
  async (part, kind) => {
    const { after } = await trained({ [part]: { kind }, [other(part)]: { kind: "sgd" } });
    const states = [...after].filter(([name]) => name.includes("/"));
    for (const [name, numbers] of states) {
      expect(isOfSquares(name), name).toBe(Math.min(...numbers) >= 0);
      const negated = numbers.map((x) => -x);
      const read = () => refusePoisoned(negated, "fp32", name);
      if (!isOfSquares(name)) expect(read).not.toThrow();
      else expect(read).toThrow(/has a mean or sum of squares below 0[\s\S]*got: {6}-\d/);
    }
  },
);

it.each(kinds)("at a learning rate of 0, the %s optimizer %s changes no weight", async (part, kind) => {
  const settings = { kind, learningRate: 0, ...(/adamw|lamb/i.test(kind) && { weightDecay: 0.1 }) };
  const { before, after } = await trained(
    { [part]: settings, [other(part)]: { kind: "sgd" } },
    { [part]: 0.01 },
  );
  const isOfPart = (name: string) =>
    name.startsWith("embeddings.") === (part === "embedding") && !name.includes("/");
  const changed = [...after].filter(([name, numbers]) => numbers.some((x, i) => x !== before.get(name)![i]));
  expect(changed.map(([name]) => name).filter(isOfPart)).toEqual([]);
  expect(changed.length).toBeGreaterThan(0);
});
