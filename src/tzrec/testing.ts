import "../index.js";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { printConfig } from "../config/print-config.js";
import { prepareData } from "../data/index.js";
import { loadConfig } from "../saved/config-file.js";
import { factsOf } from "../train/step/loss/index.js";
import { Trainer } from "../train/trainer.js";
import type { ImportedConfig } from "./import-config.js";

/** Expects that the config file written for an import has its meaning, and trains two steps on `rows` rows. */
export async function expectToTrain(
  { input, config }: ImportedConfig,
  home: string,
  rows: number,
): Promise<void> {
  mkdirSync(home);
  writeFileSync(join(home, "pairloom.config.ts"), printConfig(input, { head: [] }));
  expect((await loadConfig(home)).config).toEqual(config);
  const data = { ...config.data, cacheDir: join(home, "cache") };
  const { labels } = factsOf(config.train.loss).task;
  const { features, splits } = await prepareData({ data, features: config.features, labels });
  const { epochs: _, ...train } = config.train;
  const result = await new Trainer({
    config: { ...config, train: { ...train, steps: 2 } },
    features,
    train: splits.train,
    valid: splits.valid,
    backend: referenceBackend,
    runDir: join(home, "run"),
  }).run();
  expect(result.position.step).toBe(2);
  expect(splits.train.rows).toBe(rows);
}
