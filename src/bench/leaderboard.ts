import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Backend } from "../backends/backend.js";
import type { Config } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { ConfigError } from "../errors.js";
import type { Evaluation } from "../metrics/index.js";
import { loadConfig } from "../saved/config-file.js";
import { factsOf } from "../train/step/loss/index.js";
import { Trainer } from "../train/trainer.js";

/** One model of a leaderboard: a config trained with several seeds. */
export interface Entry {
  readonly model: string;
  readonly config: Config;
}

/** One line of the leaderboard; values are means over the seeds. */
export interface Standing {
  readonly model: string;
  readonly seeds: readonly number[];
  readonly test_auc: number;
  readonly test_logloss: number;
  /** Mean seconds per seed, from the first step to the test metrics. */
  readonly seconds: number;
}

export interface SeedResult {
  readonly model: string;
  readonly seed: number;
  readonly valid: Evaluation;
  readonly test: Evaluation;
  readonly epochs: number;
  readonly seconds: number;
}

/** The file that the configs of a folder share; it is not a model. */
const SHARED = "data.ts";

/** The configs of a folder, all or one, with their data files in `dataDir`. */
export async function loadEntries(folder: string, dataDir: string, only?: string): Promise<Entry[]> {
  const models = readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && name !== SHARED)
    .map((name) => basename(name, ".ts"));
  if (only !== undefined && !models.includes(only)) {
    throw new ConfigError({
      what: `there is no config for "${only}"`,
      where: folder,
      got: only,
      expected: `one of ${models.join(", ")}`,
    });
  }
  const wanted = only === undefined ? models : [only];
  return Promise.all(
    wanted.map(async (model) => {
      const { config } = await loadConfig(join(folder, `${model}.ts`));
      return { model, config: { ...config, data: dataIn(config.data, dataDir) } };
    }),
  );
}

/** Trains an entry with each seed. The validation split selects the checkpoint; the test split is used once. */
export async function stand(
  { model, config }: Entry,
  seeds: readonly number[],
  backend: Backend,
  onSeed: (result: SeedResult) => void,
): Promise<Standing> {
  const prepared = await prepareData({
    data: config.data,
    features: config.features,
    labels: factsOf(config.train.loss).task.labels,
  });
  const { train, valid, test } = prepared.splits;
  if (!valid || !test) {
    throw new ConfigError({ what: "a leaderboard needs a valid and a test split", where: `${model}: data` });
  }
  const results: SeedResult[] = [];
  for (const seed of seeds) {
    const runDir = mkdtempSync(join(tmpdir(), "pairloom-leaderboard-"));
    try {
      const started = performance.now();
      const seeded = { ...config, train: { ...config.train, seed } };
      const trainer = new Trainer({
        config: seeded,
        features: prepared.features,
        train,
        valid,
        backend,
        runDir,
      });
      const { checkpoint, position } = await trainer.run();
      const result = {
        model,
        seed,
        valid: await trainer.evaluate(checkpoint, valid),
        test: await trainer.evaluate(checkpoint, test),
        epochs: position.epoch,
        seconds: (performance.now() - started) / 1000,
      };
      onSeed(result);
      results.push(result);
    } finally {
      rmSync(runDir, { recursive: true, force: true });
    }
  }
  return {
    model,
    seeds,
    test_auc: meanOf(results, ({ test: { auc } }) => (auc.defined ? auc.value : Number.NaN)),
    test_logloss: meanOf(results, ({ test: { logLoss } }) => (logLoss.defined ? logLoss.value : Number.NaN)),
    seconds: meanOf(results, ({ seconds }) => seconds),
  };
}

function dataIn(data: Config["data"], dir: string): Config["data"] {
  const located = { ...data };
  for (const split of ["train", "valid", "test"] as const) {
    const path = data[split]?.path;
    if (typeof path !== "string") continue;
    const file = join(dir, path);
    if (!existsSync(file)) {
      throw new ConfigError({
        what: `the ${split} split is not in the data folder`,
        where: "--data",
        got: file,
        expected: "an existing file",
        next: "Give the folder that holds train.csv, valid.csv and test.csv.",
      });
    }
    located[split] = { ...data[split], path: file };
  }
  return located;
}

function meanOf(results: readonly SeedResult[], value: (result: SeedResult) => number): number {
  return results.reduce((sum, result) => sum + value(result), 0) / results.length;
}
