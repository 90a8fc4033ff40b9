import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { CheckpointError } from "../errors.js";
import { Trainer } from "./trainer.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-saved-position-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ROWS = Array.from({ length: 64 }, (_, i) => ({ user: i % 7, y: i % 7 < 3 ? 1 : 0 }));
const configFor = (steps: number) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [{ kind: "id", name: "user", buckets: 7 }],
    model: { kind: "logisticRegression", features: ["user"] },
    train: { batchSize: 16, steps, threads: 1 },
  });

let prepared: PreparedData;
const [original, runDir] = [join(folder, "original"), join(folder, "run")];
const manifestPath = join(runDir, "checkpoints", "step-00000006", "manifest.json");

function train(steps: number, into: string, resume: boolean) {
  const { features, splits } = prepared;
  const { backend } = chooseBackend();
  return new Trainer({ config: configFor(steps), features, ...splits, backend, runDir: into, resume }).run();
}

/** Ends in the second epoch, of 4 steps, with one checkpoint: a run with an older one resumes from that, and says so. */
beforeAll(async () => {
  prepared = await prepareData(configFor(6));
  await train(6, original, false);
  rmSync(join(original, "checkpoints", "step-00000004"), { recursive: true });
});

/** Resumes the run with a manifest that is changed and signed again. */
function resumeWith(over: object): Promise<unknown> {
  rmSync(runDir, { recursive: true, force: true });
  cpSync(original, runDir, { recursive: true });
  const { sha256: _, ...manifest } = JSON.parse(readFileSync(manifestPath, "utf8"));
  const text = JSON.stringify({ ...manifest, ...over });
  const sha256 = createHash("sha256").update(text).digest("hex");
  writeFileSync(manifestPath, JSON.stringify({ ...JSON.parse(text), sha256 }));
  return train(8, runDir, true);
}

const stateOf = (over: object) => ({
  schedules: {},
  earlyStopping: { best: null, bestStep: null, stale: 0 },
  loss: { steps: 6, average: 0.5, first: 0.7, score: 0 },
  ...over,
});
const READER = { rows: 64, batchSize: 16, row: 32 };

it.each<[string, object]>([
  ["step", { step: 5 }],
  ["step", { step: Number.MAX_SAFE_INTEGER }],
  ["epoch", { epoch: 1e15 }],
  ["epoch", { epoch: 0 }],
  ["epochStep", { epochStep: 1e15 }],
  ["epochStep", { epochStep: 5 }],
  ["epochStep", { epochStep: 0 }],
  ["stretch", { stretch: 5 }],
  ["reader.row", { reader: { ...READER, row: -5 } }],
  ["reader.row", { reader: { ...READER, row: 1.5 } }],
  ["reader.row", { reader: { ...READER, row: 1e12 } }],
  ["reader", { reader: null }],
  ["reader", { reader: { ...READER, batchSize: "16" } }],
  ["trainer", { trainer: null }],
  [
    "trainer.earlyStopping.bestStep",
    { trainer: stateOf({ earlyStopping: { best: 1, bestStep: 7, stale: 0 } }) },
  ],
  [
    "trainer.earlyStopping.stale",
    { trainer: stateOf({ earlyStopping: { best: 1, bestStep: 1, stale: 1e9 } }) },
  ],
  ["trainer.loss.steps", { trainer: stateOf({ loss: { steps: 7, average: 1, first: 1, score: 0 } }) }],
  ["trainer.loss.score", { trainer: stateOf({ loss: { steps: 1, average: 1, first: 1, score: 70 } }) }],
  [
    "trainer.schedules.lr.stale",
    { trainer: stateOf({ schedules: { lr: { best: 1, stale: 9, reductions: 0 } } }) },
  ],
])("a checkpoint with a forged %s is not resumed from", async (field, over) => {
  const error = (await resumeWith(over).catch((thrown) => thrown)) as CheckpointError;
  expect(error).toBeInstanceOf(CheckpointError);
  expect(error.message).toMatch(/step-00000006/);
  // What the manifest alone shows is said by its reader.
  const isAlone = /the manifest is malformed/.test(error.message);
  if (isAlone) expect(error.message).toContain(field);
  else expect(error.message).toContain(`manifest.json: ${field}: `);
});

it("a checkpoint that is signed again as it was is resumed from", async () => {
  await expect(resumeWith({})).resolves.toMatchObject({ position: { step: 8, epoch: 2, epochStep: 0 } });
});
