import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Backend } from "../src/backends/backend.js";
import { type Checkpoint, findLatest } from "../src/checkpoint/index.js";
import { checksumsOf } from "../src/checkpoint/testing.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { prepareData } from "../src/data/index.js";
import type { FeatureInput } from "../src/features/schema/features.js";
import { kindOf } from "../src/kinds.js";
import { EMBEDDING_OPTIMIZERS } from "../src/ops/embedding-optimizers/index.js";
import { draw, drawKey } from "../src/random.js";
import { openModel } from "../src/saved/model.js";
import { Predictor } from "../src/serve/predictor.js";
import { predictLogits } from "../src/train/evaluate.js";
import { Trainer, type TrainerOptions } from "../src/train/trainer.js";
import { trainerOf } from "../src/train/trainer-of.js";
import type { TrainingEvent } from "../src/train/training-event.js";
import { BACKENDS } from "./backends.js";
import { trainerOptions } from "./trainer-options.js";

/*
 * Dynamic tables in whole runs. A table that admits every key is a fixed one whose rows are the keys: the same bits in all
 * weights, states and scores. Tables that evict stop and resume at every step with the same bytes.
 */

const folder = mkdtempSync(join(tmpdir(), "pairloom-dynamic-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;
const newRun = () => join(folder, `run-${runs++}`);

/** Checkpoints of changes that follow each other. The long form: `CHANGES=50 npx vitest run conformance/dynamic-run.test.ts`. */
const CHANGES = Number(process.env.CHANGES ?? 10);
const IDS = 40;
const BATCH = 32;
type Rows = readonly Record<string, unknown>[];

function rowsOf(count: number, stream: number, ids = IDS): Record<string, unknown>[] {
  const key = drawKey(7, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const id = (n: number) => draw(key, 16 * i + n) % ids;
    const some = (n: number) => Array.from({ length: draw(key, 16 * i + n) % 4 }, (_, k) => id(n + 1 + k));
    const likes = Object.fromEntries(some(6).map((id, k) => [id, (k - 1) / 2]));
    return { item: id(0), seen: some(1), likes, user: id(11) % 5, y: (id(0) + id(12)) % 3 === 0 ? 1 : 0 };
  });
}

const TRAIN = rowsOf(200, 1);
const VALID = rowsOf(80, 2);

/** One id, a bag of the same table, and a weighted bag with 16-bit numbers. */
const features = (rows: object): FeatureInput[] => [
  { kind: "id", name: "user", buckets: 5 },
  { kind: "id", name: "item", ...rows, missing: "refuse", embedding: "things" },
  { kind: "ids", name: "seen", ...rows, pooling: "mean", embedding: "things" },
  { kind: "ids", name: "likes", ...rows, weighted: true, dtype: "bf16" },
];
const NAMES = ["user", "item", "seen", "likes"];

interface Given {
  readonly train?: object;
  readonly rows?: Rows;
}

function configOf(features: readonly FeatureInput[], { train = {}, rows = TRAIN }: Given = {}): Config {
  return resolveConfig({
    data: { train: { rows }, valid: { rows: VALID }, label: "y", cacheDir: join(folder, "cache") },
    features,
    model: {
      kind: "deepfm",
      embeddingDim: 4,
      wide: { features: NAMES },
      deep: { features: NAMES, mlp: { hiddenUnits: [8], dropout: 0.1 } },
    },
    train: {
      ...{ batchSize: BATCH, epochs: 1, seed: 5, threads: 2 },
      average: { decay: 0.9 },
      clip: { norm: 0.1 },
      optimizer: {
        dense: { kind: "adam", learningRate: 0.01 },
        embedding: { kind: "adam", learningRate: 0.05 },
      },
      ...train,
    },
  } as never);
}

const optionsOf = (config: Config, backend: Backend, more: Partial<TrainerOptions> = {}) =>
  trainerOptions(config, { backend, runDir: newRun(), ...more });

async function trained(
  config: Config,
  backend: Backend,
  more: Partial<TrainerOptions> = {},
): Promise<Checkpoint> {
  const options = await optionsOf(config, backend, more);
  await trainerOf(options).run();
  const { checkpoint } = await findLatest(options.runDir, { checksums: true });
  return checkpoint!;
}

/** Every tensor of a checkpoint; of a table only the rows of these ids, in this order. */
async function numbersOf(checkpoint: Checkpoint, rowOf: (table: string, id: number) => number) {
  const found = new Map<string, unknown>();
  for (const file of [await checkpoint.openModel(), await checkpoint.openOptimizer()]) {
    for (const [name, { shape }] of file.tensors) {
      const table = /\.(things|likes)\.weight/.exec(name)?.[1];
      if (/^translations\.|\/(keys|score)$/.test(name)) continue;
      const data = Array.from((await file.read(name)) as Float32Array);
      const [, width = 1] = shape;
      const rows = table === undefined ? undefined : idsOf(table).map((id) => rowOf(table, id) * width);
      found.set(name, rows ? rows.map((at) => data.slice(at, at + width)) : data);
    }
    await file.close();
  }
  return found;
}

/** The ids that training meets. */
const idsOf = (table: string): number[] => {
  const ids = TRAIN.flatMap(({ item, seen, likes }) =>
    table === "things" ? [item, ...(seen as number[])] : Object.keys(likes as object),
  );
  return [...new Set(ids.map(Number))].sort((a, b) => a - b);
};

/** Checkpoints have the rows by key: that of unknown keys first. */
const rowByKey = (table: string, id: number) => 1 + idsOf(table).indexOf(id);

/** Kernels only see rows: one instruction set stands for all. */
describe.each(BACKENDS.slice(0, 2))("dynamic tables on $name", ({ use }) => {
  it.each(EMBEDDING_OPTIMIZERS.map(kindOf))("that admit every key train as fixed ones, %s", async (kind) => {
    const train = {
      optimizer: { dense: { kind: "adam", learningRate: 0.01 }, embedding: { kind, learningRate: 0.05 } },
    };
    const fixed = await trained(configOf(features({ buckets: IDS }), { train }), use());
    const dynamic = await trained(configOf(features({ dynamic: { capacity: IDS } }), { train }), use());
    expect(await numbersOf(dynamic, rowByKey)).toEqual(await numbersOf(fixed, (_, id) => id));
  });

  it("that evict stop and resume at every step with the bytes of a run that never stopped", async () => {
    const rows = TRAIN.slice(0, 130).map((row) => ({ ...row, seen: [], likes: {} }));
    const dynamic = { capacity: 30, admit: { count: 2 }, evict: "lru", unknown: "shared" };
    const config = configOf(features({ dynamic }), { rows, train: { checkpoint: { every: 1, keep: 50 } } });
    const expected = checksumsOf((await trained(config, use())).manifest);
    for (let step = 1; step < Math.ceil(rows.length / BATCH); step++) {
      const controller = new AbortController();
      let saved = 0;
      const listener = ({ kind }: TrainingEvent) => {
        if (kind === "checkpointed" && ++saved === step) controller.abort();
      };
      const options = await optionsOf(config, use(), { listener, signal: controller.signal });
      expect((await new Trainer(options).run()).position.step).toBe(step);
      const { listener: _, signal: __, ...rest } = options;
      await new Trainer({ ...rest, resume: true }).run();
      const { checkpoint } = await findLatest(options.runDir, { checksums: true });
      expect(checksumsOf(checkpoint!.manifest)).toEqual(expected);
    }
  });

  it("with checkpoints of changes are those with complete ones, byte for byte when they are saved again", async () => {
    const rows = rowsOf((CHANGES + 3) * 8, 3, 400).map((row) => ({ ...row, seen: [], likes: {} }));
    const dynamic = { capacity: 30, admit: { count: 2 }, evict: "lru", unknown: "shared" };
    const configWith = (checkpoint: object, publish?: object) =>
      configOf(features({ dynamic }), { rows, train: { batchSize: 8, checkpoint, publish } });
    const to = newRun();
    const options = await optionsOf(
      configWith(
        { every: 1, keep: 100, full: { every: CHANGES + 2 } },
        { every: 2, to, keep: 100, full: { every: 4 } },
      ),
      use(),
    );
    const controller = new AbortController();
    let saved = 0;
    const listener = ({ kind }: TrainingEvent) => {
      if (kind === "checkpointed" && ++saved === CHANGES + 1) controller.abort();
    };
    await new Trainer({ ...options, listener, signal: controller.signal }).run();
    const newest = (await findLatest(options.runDir, { checksums: true })).checkpoint!;
    expect(newest.chain).toHaveLength(CHANGES + 1);
    const config = configWith({ every: 1, keep: 100 });
    await new Trainer({ ...options, config, resume: true }).run();
    const whole = await trained(config, use());
    const resumed = (await findLatest(options.runDir, { checksums: true })).checkpoint!;
    expect(checksumsOf(resumed.manifest)).toEqual(checksumsOf(whole.manifest));
    const version = (await findLatest(to)).checkpoint!;
    expect(version.chain.length).toBeGreaterThan(1);
    const logits = [version, newest].map(async (checkpoint) => {
      const model = await openModel(checkpoint, { backend: use(), maxBatch: 1024, threads: 1 });
      return new Predictor(model).logits(VALID);
    });
    const [published, trainedOn] = await Promise.all(logits);
    expect(published).toEqual(trainedOn);
  });

  it("score requests as rows of files, unknown ids too", async () => {
    const crosses: FeatureInput[] = [
      { kind: "id", name: "user", columns: ["user", "item"], dynamic: { capacity: 200 } },
      { kind: "id", name: "item", dynamic: { capacity: 32, evict: "lfu" } },
      {
        kind: "ids",
        name: "seen",
        dynamic: { capacity: 36, admit: { probability: 0.5 }, evict: { kind: "age", steps: 3 } },
      },
      {
        kind: "combo",
        name: "likes",
        inputs: ["user", "seen"],
        dynamic: { capacity: 150, unknown: "shared" },
      },
    ];
    for (const train of [{}, { seeds: 2 }]) {
      const config = configOf(crosses, { train });
      const checkpoint = await trained(config, use());
      const model = await openModel(checkpoint, { backend: use(), maxBatch: 1024, threads: 2 });
      const { splits } = await prepareData(config);
      const logits = await predictLogits(model.executable, splits.valid!, 1);
      const predictor = new Predictor(model);
      expect(predictor.logits(VALID)).toEqual(logits);
      expect(new Set(logits).size).toBeGreaterThan(40);
    }
  });

  it("start from a table of another run key by key", async () => {
    const config = configOf(features({ dynamic: { capacity: IDS } }));
    const first = await trained(config, use());
    const run = join(first.dir, "..", "..");
    const still = { kind: "sgd", learningRate: 1e-30 };
    const train = {
      initializeFrom: { run },
      steps: 1,
      epochs: undefined,
      optimizer: { dense: still, embedding: still },
    };
    const second = await trained(configOf(features({ dynamic: { capacity: IDS + 9 } }), { train }), use());
    const [before, after] = [await numbersOf(first, rowByKey), await numbersOf(second, rowByKey)];
    for (const [name, rows] of before)
      if (/embeddings.*weight$/.test(name)) expect(after.get(name)).toEqual(rows);
    const fixed = configOf(features({ buckets: IDS }), { train });
    await expect(trained(fixed, use())).rejects.toThrow(/do not belong to the same ids/);
    const small = configOf(features({ dynamic: { capacity: IDS - 1 } }), { train });
    await expect(trained(small, use())).rejects.toThrow(/more ids than the dynamic table has room for/);
  });

  it("refuse settings that update every row", () => {
    const of = (train: object) => () => configOf(features({ dynamic: { capacity: IDS } }), { train });
    expect(of({ l2: { embedding: 1e-5 } })).toThrow(/train\.l2\.rows: .*it is dynamic[\s\S]*"touched"/);
    expect(of({ l2: { embedding: 1e-5, rows: "touched" } })).not.toThrow();
    const embedding = { kind: "adam", learningRate: 0.1, lazy: false };
    expect(of({ optimizer: { embedding } })).toThrow(/train\.optimizer: [\s\S]*lazy: false/);
    expect(() =>
      configOf(features({ hash: { size: 9, combine: "add" } }), { train: { l2: { embedding: 1 } } }),
    ).not.toThrow();
  });

  it("find the rows of ids by one function", async () => {
    const dynamic = { dynamic: { capacity: IDS } };
    const mixed: FeatureInput[] = [
      { kind: "id", name: "user", columns: ["user", "item"], dynamic: { capacity: 200 } },
      { kind: "id", name: "item", ...dynamic },
      { kind: "ids", name: "seen", hash: { size: 30, combine: "concat" } },
      { kind: "ids", name: "likes", vocabulary: ["3", "5"], weighted: true },
    ];
    const checkpoint = await trained(configOf(mixed), use());
    const model = new Predictor(await openModel(checkpoint, { backend: use(), maxBatch: 1024, threads: 2 }));
    const items = [...new Set(TRAIN.map(({ item }) => item as number))].sort((a, b) => a - b);
    // Checkpoints number rows by key.
    expect(model.translate("item", [...items, "7", 7n, 12345n, "new"])).toEqual(
      Float64Array.from(
        [...items.keys()].map((i) => i + 1).concat(items.indexOf(7) + 1, items.indexOf(7) + 1, 0, 0),
      ),
    );
    const [{ user, item }] = TRAIN;
    const [known, unknown] = model.translate("user", [
      [user, item],
      [99, 99],
    ]);
    expect([known > 0, unknown]).toEqual([true, 0]);
    expect(model.translate("likes", [3, "5", "9"])).toEqual(Float64Array.of(0, 1, 2));
    expect([...model.translate("seen", [1, 2, 3])].every((id) => id < 30)).toBe(true);
    expect(() => model.translate("item", [2n ** 63n])).toThrow(/item refuses a value.*beyond/s);
    expect(() => model.translate("nothing", [1])).toThrow(/no such feature/);
  });
});
