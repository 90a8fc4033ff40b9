import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { type Checkpoint, findLatest, listCheckpoints } from "../../src/checkpoint/index.js";
import { type Config, resolveConfig } from "../../src/config/config.js";
import { loadAddon } from "../../src/native/addon.js";
import { planFile } from "../../src/plan/plan-file.js";
import { plannerOf } from "../../src/run/plan-run.js";
import type { RunResult } from "../../src/run/train-run.js";
import { hashTensors } from "../../src/saved/hash-tensors.js";
import { load } from "../../src/serve/load.js";
import { CallPacer } from "../../src/train/call-pacer.js";
import { METRICS_FILE, readMetrics } from "../../src/train/log/metrics-log.js";
import { hashes, rowsOf, run } from "./local-runs.js";

/*
 * Runs of several ranks in this process against the run of one process: the same bytes of model and optimizer, the same
 * figures, whenever and with whatever number of ranks they stop and go on.
 */

const { addon } = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "pairloom-ranks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Where the training loss is logged depends on how many steps a call has, which is chosen by their time otherwise. */
vi.spyOn(CallPacer.prototype, "steps", "get").mockReturnValue(5);

const DYNAMIC =
  "dynamic tables: a shared one of ids, bags and sequences that evicts, and one of crosses with 16-bit rows that admits";

const DYNAMIC_ALONE =
  "the same without weights of first order, with bags within entries and joined sequences";

const STORED = "tables with a store: one of fixed size in a model of two tables, and a dynamic one";
const STORED_ALONE = "columns of tables with a store";
const STORED_BATCH = "a table with a store, whose memory has room for a batch";
const STORE = { memory: "48KB", path: folder };

/** Vectors to start a table from, of some of its ids. */
const VECTORS = join(folder, "vectors.csv");
writeFileSync(
  VECTORS,
  `id,vector\n${Array.from({ length: 40 }, (_, i) => `${7 * i},"[${i / 8}, -1, 0.5, ${-i / 16}]"`).join("\n")}\n`,
);

const NUMBERS = [
  { kind: "number", name: "a", normalize: "zscore" },
  { kind: "number", name: "b" },
];
const FEATURES = [
  { kind: "id", name: "user", vocabulary: {} },
  { kind: "ids", name: "tags", buckets: 7, dtype: "bf16" },
];
interface Setup {
  readonly model: object;
  readonly train: object;
  readonly features?: readonly object[];
}

const KEYED = [
  {
    kind: "id",
    name: "visitor",
    dynamic: { capacity: 140, evict: "lru", unknown: "shared", seedFrom: VECTORS },
    embedding: "things",
  },
  {
    kind: "ids",
    name: "tags",
    dynamic: { capacity: 140, evict: "lru", unknown: "shared", seedFrom: VECTORS },
    embedding: "things",
  },
  {
    kind: "sequence",
    name: "seen",
    max: 3,
    dynamic: { capacity: 140, evict: "lru", unknown: "shared", seedFrom: VECTORS },
    embedding: "things",
  },
  {
    kind: "id",
    name: "both",
    columns: ["visitor", "city"],
    dynamic: { capacity: 130, evict: { kind: "lfuDecay", halfLife: 4 }, admit: { count: 2 } },
    dtype: "bf16",
  },
];

const IN_SEQUENCES = [
  { kind: "entryBags", name: "marks", sequence: "seen", max: 3, buckets: 5, pooling: "mean" },
  { kind: "sequence", name: "bought", max: 2, buckets: 40 },
  { kind: "joined", name: "which", columns: ["seen", "bought"], newest: [3, 2], dim: 2 },
];

/** @param memory of the dynamic table, which has room for the rows of a batch */
const inStores = (memory: string, dynamic: object) => [
  { kind: "id", name: "both", columns: ["visitor", "city"], hash: 2000, dtype: "bf16", store: STORE },
  {
    kind: "id",
    name: "visitor",
    dynamic,
    store: { ...STORE, memory },
  },
];

const CONFIGS = {
  "an MLP with batch norm, dropout, clipping and a schedule": {
    model: { kind: "mlp", features: ["a", "b"], mlp: { hiddenUnits: [16, 8], norm: "batch", dropout: 0.1 } },
    train: {
      clip: { norm: 1 },
      optimizer: { dense: { kind: "adam", learningRate: 0.01, schedule: { kind: "cosine", to: "end" } } },
    },
  },
  "a DLRM with bags, 16-bit tables and a clip": {
    model: {
      kind: "dlrm",
      embeddingDim: 12,
      dense: { features: ["a", "b"], mlp: { hiddenUnits: [12] } },
      sparse: { features: ["user", "tags"] },
      final: { hiddenUnits: [8] },
    },
    train: { clip: { norm: 1 }, optimizer: { embedding: { kind: "adam", learningRate: 0.01 } } },
  },
  [DYNAMIC]: {
    features: KEYED,
    model: {
      kind: "deepfm",
      embeddingDim: 4,
      wide: { features: ["visitor", "tags", "both"] },
      deep: {
        features: ["a", "visitor", "tags", "both"],
        sequences: [{ kind: "din", query: ["visitor"], columns: ["seen"], mlp: { hiddenUnits: [4] } }],
        mlp: { hiddenUnits: [8] },
      },
    },
    train: {
      clip: { norm: 0.1 },
      sampleMask: { rate: 0.2, features: ["visitor", "seen"] },
      optimizer: { embedding: { kind: "adam", learningRate: 0.01 } },
    },
  },
  [DYNAMIC_ALONE]: {
    features: [...KEYED, ...IN_SEQUENCES],
    model: {
      kind: "mlp",
      embeddingDim: 12,
      features: ["a", "visitor", "tags", "both"],
      sequences: [
        { kind: "din", query: ["visitor"], columns: ["seen", "marks"], mlp: { hiddenUnits: [4] } },
        { kind: "pooling", columns: ["seen"], joined: { columns: ["bought"], by: "which" } },
      ],
      mlp: { hiddenUnits: [8] },
    },
    train: {
      clip: { norm: 0.1 },
      optimizer: { embedding: { kind: "rowWiseAdagrad", learningRate: 0.01 } },
      l2: { embedding: 0.01, rows: "touched" },
    },
  },
  [STORED]: {
    features: inStores("17KB", { capacity: 140, evict: "lru" }),
    model: {
      kind: "deepfm",
      embeddingDim: 4,
      wide: { features: ["visitor", "both"] },
      deep: { features: ["a", "visitor", "both"], mlp: { hiddenUnits: [8] } },
    },
    train: { clip: { norm: 0.1 }, optimizer: { embedding: { kind: "adam", learningRate: 0.01 } } },
  },
  [STORED_ALONE]: {
    features: inStores("23KB", { capacity: 400, evict: { kind: "norm", below: 0.03, every: 3 } }),
    model: { kind: "mlp", embeddingDim: 12, features: ["a", "visitor", "both"], mlp: { hiddenUnits: [8] } },
    train: { optimizer: { embedding: { kind: "partialRowWiseLamb", learningRate: 0.01 } } },
  },
  [STORED_BATCH]: {
    features: [
      {
        kind: "id",
        name: "both",
        columns: ["visitor", "city"],
        hash: 2000,
        store: { ...STORE, memory: "4KB" },
      },
    ],
    model: { kind: "mlp", embeddingDim: 12, features: ["a", "both"], mlp: { hiddenUnits: [8] } },
    train: { batchSize: 16, epochs: 1 },
  },
  "logistic regression without shuffling": {
    model: { kind: "logisticRegression", features: ["a", "b", "user"] },
    train: { shuffle: false, earlyStopping: { patience: 1 } },
  },
} as const;

function configOf(name: keyof typeof CONFIGS): Config {
  const { model, train, features = FEATURES }: Setup = CONFIGS[name];
  return resolveConfig({
    data: {
      train: { rows: rowsOf(1500, 1) },
      valid: { rows: rowsOf(400, 2) },
      test: { rows: rowsOf(300, 3) },
      label: "y",
      cacheDir: join(folder, "cache"),
    },
    features: [...NUMBERS, ...features],
    model,
    train: { batchSize: 128, epochs: 2, threads: 1, ...train },
  } as never);
}

const withoutVectors = (config: Config): Config => ({
  ...config,
  features: config.features.map((feature) =>
    "dynamic" in feature && feature.dynamic
      ? { ...feature, dynamic: { ...feature.dynamic, seedFrom: undefined } }
      : feature,
  ),
});

let runs = 0;
const newRun = () => join(folder, `run${runs++}`);

/** What a run leaves that must not depend on the number of ranks. */
async function traces(runDir: string, { report }: RunResult) {
  const lines = readMetrics(join(runDir, METRICS_FILE)).map(({ time, ...line }) => line);
  const { results, training, checkpoint, parameters } = report;
  const { samplesPerSecond, rows, ...position } = training;
  const tables = Object.values(report.tables ?? {});
  for (const { evicted } of tables) expect(evicted).toBeGreaterThan(0);
  return { lines, results, position, checkpoint, parameters, tables, hashes: await hashes(runDir) };
}

/** Statistics of the files of stored tables, which are in the log, are those of rank 0. Other tests have the dynamic tables alone. */
const COMPARED = (Object.keys(CONFIGS) as (keyof typeof CONFIGS)[]).filter(
  (name) => ![STORED, STORED_ALONE, STORED_BATCH, DYNAMIC_ALONE].includes(name),
);

describe.skipIf(!addon).each(COMPARED)("%s", (name) => {
  const config = configOf(name);

  const alone = newRun();

  it("trains to the same bytes and figures on any number of ranks", async () => {
    const expected = await traces(alone, await run(config, alone, { ranks: 1 }));
    expect(expected.results.length).toBeGreaterThan(0);
    const runDir = newRun();
    expect(await traces(runDir, await run(config, runDir, { ranks: 3 }))).toEqual(expected);
  });

  it("stops where one rank is asked to, and goes on with another number of ranks", async () => {
    const runDir = newRun();
    const stopped = await run(config, runDir, { ranks: 2, stopAt: 600 });
    expect(stopped.interrupted).toBe(true);
    const { step } = stopped.report.training;
    expect(step).toBeGreaterThan(0);
    expect(JSON.parse(readFileSync(join(runDir, "checkpoints/latest.json"), "utf8")).step).toBe(step);
    const last = await run(config, runDir, { ranks: 3, resume: true });
    expect(last.interrupted).toBe(false);
    expect(await hashes(runDir)).toEqual(await hashes(alone));
  });
});

it.skipIf(!addon).each([
  ["all ranks have rows of it", 2000],
  ["some ranks have no rows of it", 200],
])(`ranks train and measure ${STORED_BATCH}: %s`, async (_, hash) => {
  const base = configOf(STORED_BATCH);
  const features = base.features.map((feature) => ("hash" in feature ? { ...feature, hash } : feature));
  const config = { ...base, features };
  const [alone, together] = [newRun(), newRun()];
  const { report } = await run(config, alone, { ranks: 1 });
  const { report: shared } = await run(config, together, { ranks: 3 });
  expect(shared.results).toEqual(report.results);
  expect(await hashes(together)).toEqual(await hashes(alone));
});

it.skipIf(!addon).each(["a DLRM with bags, 16-bit tables and a clip", DYNAMIC] as const)(
  "ranks start from the weights of another run: %s",
  async (name) => {
    const config = withoutVectors(configOf(name));
    const from = newRun();
    await run({ ...config, train: { ...config.train, seed: 2, epochs: 1 } }, from, { ranks: 2 });
    const started = {
      ...config,
      train: { ...config.train, epochs: 1, initializeFrom: { run: from, map: {} } },
    };
    const [alone, together] = [newRun(), newRun()];
    await run(started, alone, { ranks: 1 });
    await run(started, together, { ranks: 2 });
    expect(await hashes(together)).toEqual(await hashes(alone));
  },
);

describe.skipIf(!addon).each([
  ["a DLRM with bags, 16-bit tables and a clip", { user: "rowWise", tags: "replicated" }],
  [DYNAMIC, { things: "replicated", both: "rowWise" }],
  [DYNAMIC_ALONE, { things: "columnWise", both: "rowWise" }],
  ["a DLRM with bags, 16-bit tables and a clip", { user: "columnWise", tags: "columnWise" }],
] as const)(
  "changes between complete checkpoints, where ranks have copies or columns of tables: %s",
  (name, placement) => {
    const to = newRun();
    const changing = (published: string): Config => {
      const { train, ...config } = withoutVectors(configOf(name));
      const checkpoint = { ...train.checkpoint, every: 3, keep: 99, full: { every: 3 } };
      const publish = { to: published, every: 4, keep: 99, full: { every: 3 } };
      return { ...config, train: { ...train, epochs: 1, checkpoint, publish, placement } };
    };
    const lengthsOf = (all: readonly Checkpoint[]) => all.map((each) => [each.name, each.chain.length]);
    const alone = newRun();

    it("are those of one process, in checkpoints and in versions", async () => {
      await run(changing(to), alone, { ranks: 1 });
      const [together, published] = [newRun(), newRun()];
      await run(changing(published), together, { ranks: 3 });
      for (const [expected, got] of [
        [alone, together],
        [to, published],
      ]) {
        const [before, after] = [await listCheckpoints(expected), await listCheckpoints(got)];
        expect(lengthsOf(after)).toEqual(lengthsOf(before));
        expect(Math.max(...after.map(({ chain }) => chain.length))).toBe(3);
        for (const [i, each] of after.entries()) {
          await each.verify();
          expect(await hashTensors(each)).toEqual(await hashTensors(before[i]));
        }
      }
      const deltas = async (dir: string) =>
        Promise.all((await listCheckpoints(dir)).filter(({ base }) => base).map((each) => changedRows(each)));
      expect(await deltas(published)).toEqual(await deltas(to));
      const rows = rowsOf(5, 4);
      const [one, other] = [await load(to), await load(published)];
      expect(other.predict(rows)).toEqual(one.predict(rows));
    });

    it("are what ranks of another number go on from, also when one is lost between them", async () => {
      const [runDir, published] = [newRun(), newRun()];
      await expect(run(changing(published), runDir, { ranks: 2, loseAt: 900 })).rejects.toThrow(/lost/);
      expect((await findLatest(runDir)).checkpoint!.base).toBeDefined();
      await run(changing(published), runDir, { ranks: 3, resume: true, stopAt: 200 });
      expect((await findLatest(runDir)).checkpoint!.manifest.step).toBeLessThan(12);
      await run(changing(published), runDir, { ranks: 1, resume: true });
      expect(await hashes(runDir)).toEqual(await hashes(alone));
      expect(await hashes(published)).toEqual(await hashes(to));
    });
  },
);

it.skipIf(!addon).each([
  [STORED, {}],
  [STORED_ALONE, { both: "columnWise", visitor: "columnWise" }],
] as const)("ranks share %s, also where their number changes", async (name, placement) => {
  const { train, ...config } = configOf(name);
  const checkpoint = { ...train.checkpoint, every: 4, full: { every: 4 } };
  const stored = { ...config, train: { ...train, epochs: 1, checkpoint, placement } };
  const plan = name === STORED ? await unequalShares(stored) : undefined;
  const [alone, together] = [newRun(), newRun()];
  const { report } = await run(stored, alone, { ranks: 1 });
  await run({ ...stored, train: { ...stored.train, plan } }, together, { ranks: 2, stopAt: 800 });
  const { base, manifest } = (await findLatest(together)).checkpoint!;
  expect(base).toBeDefined();
  expect(manifest.tables.map(({ initial }) => initial !== undefined)).toContain(true);
  const { report: last } = await run(stored, together, { ranks: 3, resume: true });
  expect(await hashes(together)).toEqual(await hashes(alone));
  expect(last.results).toEqual(report.results);
});

/** A plan for two ranks, of which one has a fifth of the slots of each table. */
async function unequalShares(config: Config): Promise<string> {
  const plan = planFile((await plannerOf(config, { measure: true })).plan(2), []);
  const placement = { firstRank: 0, owners: 2, starts: [0, 200] };
  const path = join(folder, "unequal.json");
  writeFileSync(
    path,
    JSON.stringify({ ...plan, tables: plan.tables.map((each) => ({ ...each, placement })) }),
  );
  return path;
}

/** What a program that follows versions reads of one with changes. */
async function changedRows(version: Checkpoint) {
  const { tables, rest } = await version.openChanges();
  await rest.close();
  return [...tables].sort((a, b) => (a.name < b.name ? -1 : 1));
}

it.skipIf(!addon)("ranks train members one after the other, also when they stop and go on", async () => {
  const config = configOf("a DLRM with bags, 16-bit tables and a clip");
  const seeds = { ...config, train: { ...config.train, epochs: 1, seeds: 2 } };
  const [alone, stopped] = [newRun(), newRun()];
  const { report } = await run(seeds, alone, { ranks: 1 });
  const first = await run(seeds, stopped, { ranks: 3, stopAt: 1800 });
  expect(first.interrupted).toBe(true);
  const last = await run(seeds, stopped, { ranks: 2, resume: true });
  expect(await hashes(stopped)).toEqual(await hashes(alone));
  expect(last.report.results).toEqual(report.results);
});
