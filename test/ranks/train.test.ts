import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { findLatest, listCheckpoints } from "../../src/checkpoint/index.js";
import { type Config, resolveConfig } from "../../src/config/config.js";
import { localWorlds, SOLO, type World } from "../../src/distributed/world.js";
import { loadAddon } from "../../src/native/addon.js";
import { draw, drawKey, drawUnit } from "../../src/random.js";
import { type RunResult, trainRun } from "../../src/run/train-run.js";
import { selectBackend } from "../../src/saved/backend.js";
import { hashTensors } from "../../src/saved/hash-tensors.js";
import { CallPacer } from "../../src/train/call-pacer.js";
import { METRICS_FILE, readMetrics } from "../../src/train/log/metrics-log.js";

/*
 * Runs of several ranks in this process against the run of one process: the same bytes of model and optimizer, the same
 * figures, whenever and with whatever number of ranks they stop and go on.
 */

const { addon } = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "pairloom-ranks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Where the training loss is logged depends on how many steps a call has, which is chosen by their time otherwise. */
vi.spyOn(CallPacer.prototype, "steps", "get").mockReturnValue(5);

function rowsOf(count: number, stream: number): Record<string, unknown>[] {
  const key = drawKey(7, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [drawUnit(key, 3 * i), drawUnit(key, 3 * i + 1)];
    const [user, tag] = [draw(key, 3 * i) % 40, draw(key, 3 * i + 1) % 7];
    return {
      a,
      b,
      user,
      visitor: draw(key, 3 * i + 1) % 300,
      city: `c${draw(key, 3 * i + 2) % 9}`,
      tags: [tag, (tag * user) % 7],
      seen: Array.from({ length: tag % 4 }, (_, k) => (user + 7 * k) % 40),
      y: a - b + (draw(key, 3 * i + 2) % 3) / 3 > 0.4 ? 1 : 0,
    };
  });
}

const DYNAMIC =
  "dynamic tables: a shared one of ids, bags and sequences that evicts, and one of crosses with 16-bit rows that admits";

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
      embeddingDim: 4,
      dense: { features: ["a", "b"], mlp: { hiddenUnits: [4] } },
      sparse: { features: ["user", "tags"] },
      final: { hiddenUnits: [8] },
    },
    train: { clip: { norm: 1 }, optimizer: { embedding: { kind: "adam", learningRate: 0.01 } } },
  },
  [DYNAMIC]: {
    features: [
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
    ],
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
    train: { clip: { norm: 0.1 }, optimizer: { embedding: { kind: "adam", learningRate: 0.01 } } },
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

interface Options {
  readonly ranks: number;
  readonly resume?: boolean;
  /** The last rank is asked to stop when it has trained so many rows. */
  readonly stopAt?: number;
}

let runs = 0;
const newRun = () => join(folder, `run${runs++}`);

/** The result of rank 0. */
async function run(
  config: Config,
  runDir: string,
  { ranks, resume = false, stopAt }: Options,
): Promise<RunResult> {
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon!, ranks);
  const [result] = await Promise.all(worlds.map((world) => runRank(world)));
  return result;

  async function runRank(world: World): Promise<RunResult> {
    const controller = new AbortController();
    let trained = 0;
    const { backend } = selectBackend("native");
    const options = { config, runDir, backend, world, resume, baselines: false, signal: controller.signal };
    try {
      return await trainRun({
        ...options,
        listener: (event) => {
          if (event.kind === "trained") trained += event.rows;
          if (stopAt !== undefined && world.rank === ranks - 1 && trained >= stopAt) controller.abort();
        },
      });
    } catch (error) {
      if (world.handle) addon!.worldAbort(world.handle, String(error), 1);
      throw error;
    }
  }
}

/** Of all tensors of the newest checkpoint, whatever the files. */
const hashes = async (runDir: string) => hashTensors((await findLatest(runDir)).checkpoint!);

/** What a run leaves that must not depend on the number of ranks. */
async function traces(runDir: string, { report }: RunResult) {
  const lines = readMetrics(join(runDir, METRICS_FILE)).map(({ time, ...line }) => line);
  const { results, training, checkpoint, parameters } = report;
  const { samplesPerSecond, rows, ...position } = training;
  const tables = Object.values(report.tables ?? {});
  for (const { evicted } of tables) expect(evicted).toBeGreaterThan(0);
  return { lines, results, position, checkpoint, parameters, tables, hashes: await hashes(runDir) };
}

describe.skipIf(!addon).each(Object.keys(CONFIGS) as (keyof typeof CONFIGS)[])("%s", (name) => {
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

it.skipIf(!addon)("ranks publish the versions that one process does", async () => {
  const config = withoutVectors(configOf(DYNAMIC));
  const versions = await Promise.all(
    [1, 2].map(async (ranks) => {
      const [runDir, to] = [newRun(), newRun()];
      const publish = { to, every: 4, keep: 9, full: undefined };
      await run({ ...config, train: { ...config.train, epochs: 1, publish } as never }, runDir, { ranks });
      const found = await listCheckpoints(to);
      return Promise.all(found.map(async (each) => [each.name, await hashTensors(each)]));
    }),
  );
  expect(versions[0].length).toBeGreaterThan(2);
  expect(versions[1]).toEqual(versions[0]);
});

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

it.skipIf(!addon)("tables with a store are refused on every rank", async () => {
  const config = configOf("logistic regression without shuffling");
  const features = config.features.map((feature) =>
    feature.kind === "id" ? { ...feature, store: { memory: "1MB" } } : feature,
  );
  await expect(run({ ...config, features } as never, newRun(), { ranks: 2 })).rejects.toThrow(/has a store/);
});
