import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findLatest, updatePointers, writeCheckpoint } from "../checkpoint/index.js";
import { contentOf, signAgain } from "../checkpoint/testing.js";
import { FITTED_VERSION, type FittedFeatures } from "../features/fitted.js";
import { RunCheckpoints } from "../train/run-checkpoints.js";
import { findCheckpoint } from "./find-checkpoint.js";

const READER = { rows: 8, batchSize: 4 };
const FEATURES: FittedFeatures = { version: FITTED_VERSION, features: [], vocabularies: {} };

let run: string;
beforeEach(async () => {
  run = mkdtempSync(join(tmpdir(), "newer-"));
  for (const step of [1, 2, 3]) await writeCheckpoint(run, contentAt(step));
  await updatePointers(run, "auc");
});
afterEach(() => rmSync(run, { recursive: true }));

const contentAt = (step: number) => ({
  ...contentOf(step, { auc: step / 4 }),
  reader: READER,
  features: FEATURES,
  tables: [{ name: "embedding.user", states: [] }],
});
const newest = () => join(run, "checkpoints", "step-00000003");
const resume = () => new RunCheckpoints(run, { keep: 1, metric: "auc" }).resume(READER, FEATURES, () => {});

describe("a checkpoint with a newer version of the format", () => {
  beforeEach(() =>
    signAgain(newest(), (manifest) => ({ ...manifest, version: 3, news: {}, writer: "9.9.9" })),
  );

  it("is not taken for damaged: nothing older is used, and nothing is written or renamed", async () => {
    const entries = () => readdirSync(join(run, "checkpoints")).sort();
    const before = entries();
    const next =
      /this version cannot read [\s\S]*next: {5}Install Pairloom 9\.9\.9, which can read it: this is /;
    await expect(findLatest(run)).rejects.toThrow(next);
    await expect(findCheckpoint(run)).rejects.toThrow(next);
    await expect(findCheckpoint(run, "latest")).rejects.toThrow(next);
    await expect(findCheckpoint(newest())).rejects.toThrow(next);
    await expect(resume()).rejects.toThrow(next);
    await expect(writeCheckpoint(run, contentAt(3))).rejects.toThrow(next);
    expect(entries()).toEqual(before);
    expect((await findCheckpoint(run, 2)).manifest.step).toBe(2);
  });
});

it("a run does not start over where all its checkpoints are damaged", async () => {
  for (const step of [1, 2, 3]) rmSync(join(run, "checkpoints", `step-0000000${step}`, "model.safetensors"));
  await expect(resume()).rejects.toThrow(
    /no checkpoint of the run can be read\n {2}got: {6}.*step-00000003.*a file of the checkpoint is missing/,
  );
});
