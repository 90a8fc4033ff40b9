import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { findBest, findLatest, listCheckpoints, readCheckpoint } from "../checkpoint/index.js";
import { checksumsOf, signAgain } from "../checkpoint/testing.js";
import { LABEL_COLUMN } from "../columns/columns.js";
import { type Config, resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { ExecutionError } from "../errors.js";
import type { Evaluation } from "../metrics/index.js";
import { modelSchema } from "../models/index.js";
import { draw, drawKey, drawUnit } from "../random.js";
import { columnValues } from "./evaluate.js";
import { readMetrics } from "./log/metrics-log.js";
import { Trainer, type TrainerOptions } from "./trainer.js";
import type { TrainingEvent } from "./training-event.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-trainer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rows whose label depends on a pair of ids and a number, so that there is something to learn. */
function rowsOf(count: number, stream: number): Record<string, unknown>[] {
  const key = drawKey(7, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [draw(key, 4 * i) % 11, draw(key, 4 * i + 1) % 7];
    const x = drawUnit(key, 4 * i + 2) * 4 - 2;
    const logit = ((a * 3 + b * 5) % 4) - 1.5 + x;
    return {
      a,
      b,
      x,
      tags: [a % 3, b % 3],
      y: drawUnit(key, 4 * i + 3) < 1 / (1 + Math.exp(-logit)) ? 1 : 0,
    };
  });
}

function configOf(train: Record<string, unknown> = {}): Config {
  return resolveConfig({
    data: {
      train: { rows: rowsOf(1000, 1) },
      valid: { rows: rowsOf(400, 2) },
      label: "y",
      cacheDir: join(folder, "cache"),
    },
    features: [
      { kind: "id", name: "a", buckets: 11, dtype: "fp16" },
      { kind: "id", name: "b", vocabulary: {} },
      { kind: "ids", name: "tags", buckets: 3, pooling: "mean", dtype: "bf16" },
      { kind: "number", name: "x", normalize: "zscore" },
    ],
    model: {
      kind: "dlrm",
      embeddingDim: 4,
      dense: { features: ["x"], mlp: { hiddenUnits: [8, 4] } },
      sparse: { features: ["a", "b", "tags"] },
      final: { hiddenUnits: [16], norm: "batch", dropout: 0.1 },
    },
    train: {
      batchSize: 64,
      epochs: 3,
      seed: 5,
      threads: 2,
      optimizer: {
        dense: { kind: "adam", learningRate: 0.01 },
        embedding: { kind: "rowWiseAdagrad", learningRate: 0.1 },
      },
      ...train,
    },
  });
}

let prepared: PreparedData;
beforeAll(async () => {
  const { data, features } = configOf();
  prepared = await prepareData({ data, features });
});

let runs = 0;
function trainerFor(config: Config, options: Partial<TrainerOptions> = {}): Trainer {
  return new Trainer({
    config,
    features: prepared.features,
    train: prepared.splits.train,
    valid: prepared.splits.valid,
    backend: chooseBackend().backend,
    runDir: join(folder, `run-${runs++}`),
    ...options,
  });
}

async function bytesOfLatest(runDir: string): Promise<string[]> {
  const { checkpoint } = await findLatest(runDir);
  return checksumsOf(checkpoint!.manifest);
}

describe("Trainer", () => {
  /** A run that never stopped. */
  const whole = join(folder, "whole");
  beforeAll(async () => {
    await trainerFor(configOf({ checkpoint: { every: 5, keep: 100 } }), { runDir: whole }).run();
  });

  it("learns: the validation AUC is far above chance, and the best checkpoint is the one it returns", async () => {
    const runDir = join(folder, "learns");
    const trainer = trainerFor(configOf(), { runDir });
    const { reason, position, checkpoint } = await trainer.run();
    expect(reason).toBe("finished");
    expect(position).toEqual({ step: 48, epoch: 3, epochStep: 0 });
    expect(checkpoint.dir).toBe((await findBest(runDir)).dir);
    const measured = await trainer.evaluate(checkpoint, prepared.splits.valid!);
    if (!measured.auc.defined) throw new Error(measured.auc.reason);
    expect(measured.auc.value).toBeGreaterThan(0.75);
    expect(measured.auc.value).toBe(checkpoint.manifest.metrics.auc);
    const lines = readMetrics(join(runDir, "metrics.jsonl"));
    expect(lines.filter(({ split }) => split === "valid").map(({ step }) => step)).toEqual([16, 32, 48]);
  });

  it("measures a checkpoint while it trains, without a change to what it trains", async () => {
    const config = configOf({ checkpoint: { every: 5, keep: 100 } });
    const valid = prepared.splits.valid!;
    const runDir = join(folder, "measured");
    const measured: Promise<Evaluation>[] = [];
    const listener = (event: TrainingEvent) => {
      if (event.kind !== "checkpointed") return;
      measured.push(readCheckpoint(event.dir).then((checkpoint) => trainer.evaluate(checkpoint, valid)));
    };
    const trainer = trainerFor(config, { runDir, listener });
    await trainer.run();
    expect(await bytesOfLatest(runDir)).toEqual(await bytesOfLatest(whole));
    const evaluations = await Promise.all(measured);
    const best = await findBest(runDir);
    expect(evaluations.map(({ auc }) => auc.defined && auc.value)).toContain(best.manifest.metrics.auc);
  });

  it.each([
    ["in the middle of an epoch", 7],
    ["at the end of an epoch", 16],
    ["early in the first epoch", 3],
  ])("resumed %s ends with the bytes of a run that never stopped", async (_, stopAt) => {
    const train = { checkpoint: { every: stopAt, keep: 50 } };
    const parts = join(folder, `parts-${stopAt}`);
    const controller = new AbortController();
    const listener = ({ kind }: TrainingEvent) => {
      if (kind === "checkpointed") controller.abort();
    };
    const first = await trainerFor(configOf(train), {
      runDir: parts,
      signal: controller.signal,
      listener,
    }).run();
    expect(first.reason).toBe("interrupted");
    expect(first.position.step).toBe(stopAt);
    const second = await trainerFor(configOf(train), { runDir: parts, resume: true }).run();
    expect(second.reason).toBe("finished");
    expect(await bytesOfLatest(parts)).toEqual(await bytesOfLatest(whole));
    const values = (runDir: string) =>
      readMetrics(join(runDir, "metrics.jsonl"))
        .filter(({ split }) => split === "valid")
        .map((line) => line.values);
    expect(values(parts)).toEqual(values(whole));
  });

  it("keeps the geometry that it began with, and says so where a checkpoint has none", async () => {
    const runDir = join(folder, "geometry");
    const controller = new AbortController();
    const settings = configOf({ accumulationGroups: 2, checkpoint: { every: 7, keep: 50 } });
    const abort = ({ kind }: TrainingEvent) => kind === "checkpointed" && controller.abort();
    await trainerFor(settings, { runDir, signal: controller.signal, listener: abort }).run();
    const { checkpoint } = await findLatest(runDir);
    expect(checkpoint!.manifest.geometry).toEqual({ batch: 64, tileRows: 32, groups: 2 });

    // With other groups in its config, a resumed run still has those of the checkpoint.
    await trainerFor(configOf({ accumulationGroups: 1 }), { runDir, resume: true }).run();
    const resumed = (await findLatest(runDir)).checkpoint!.manifest;
    expect([resumed.step, resumed.geometry]).toEqual([48, { batch: 64, tileRows: 32, groups: 2 }]);
  });

  it("updates from several batches as from one as large, and resumes at any update", async () => {
    const settings = (train: Record<string, unknown>): Config => {
      const { final, ...model } = configOf().model as unknown as Record<string, object>;
      const plain = modelSchema.parse({ ...model, final: { ...final, norm: "none" } });
      return {
        ...configOf({ epochs: undefined, steps: 9, checkpoint: { every: 4, keep: 50 }, ...train }),
        model: plain,
      };
    };
    const large = join(folder, "large");
    await trainerFor(settings({ batchSize: 192 }), { runDir: large }).run();
    const accumulated = settings({});
    const config = { ...accumulated, train: { ...accumulated.train, gradientAccumulation: 3 } };
    const runDir = join(folder, "accumulated");
    const controller = new AbortController();
    const listener = ({ kind }: TrainingEvent) => {
      if (kind === "checkpointed") controller.abort();
    };
    const first = await trainerFor(config, { runDir, signal: controller.signal, listener }).run();
    expect(first.position).toEqual({ step: 4, epoch: 0, epochStep: 4 });
    const second = await trainerFor(config, { runDir, resume: true }).run();
    expect(second.position).toEqual({ step: 9, epoch: 1, epochStep: 3 });
    expect(await bytesOfLatest(runDir)).toEqual(await bytesOfLatest(large));
  });

  /** Every setting that has state or an order of its own. */
  const EVERYTHING = {
    loss: { kind: "focal" },
    clip: { norm: 0.5, value: 0.2, embedding: "together" },
    average: { decay: 0.9 },
    checkpoint: { every: 7, keep: 50 },
    optimizer: {
      dense: { kind: "adam", learningRate: 0.01, schedule: { kind: "cosine", steps: 48 } },
      embedding: { kind: "lamb", learningRate: 0.02, lazy: false },
      overrides: [
        {
          pattern: "embeddings\\.(a|b)\\.weight",
          embedding: {
            kind: "rmsprop",
            schedule: { kind: "exponential", by: "epoch", rate: 0.5, steps: 1, warmup: { length: 1 } },
          },
        },
        {
          pattern: ".*\\.bias",
          l2: 0.1,
          dense: { kind: "sgd", schedule: { kind: "reduceOnPlateau", minDelta: 0.5 } },
        },
      ],
    },
  };

  it("gives the same result after a resume and on any number of threads, with every setting of training in use", async () => {
    const bytes: string[][] = [];
    const values: unknown[] = [];
    for (const [threads, stopAt] of [
      [1, undefined],
      [3, undefined],
      [2, 7],
      [2, 35],
    ]) {
      const runDir = join(folder, `everything-${threads}-${stopAt}`);
      const config = configOf({ ...EVERYTHING, threads });
      if (stopAt !== undefined) {
        const controller = new AbortController();
        const listener = (event: TrainingEvent) => {
          if (event.kind === "checkpointed" && event.dir.endsWith(String(stopAt).padStart(8, "0")))
            controller.abort();
        };
        await trainerFor(config, { runDir, signal: controller.signal, listener }).run();
      }
      await trainerFor(config, { runDir, resume: true }).run();
      bytes.push(await bytesOfLatest(runDir));
      values.push(
        readMetrics(join(runDir, "metrics.jsonl"))
          .filter(({ split }) => split === "valid")
          .map(({ values }) => values),
      );
    }
    for (const other of bytes) expect(other).toEqual(bytes[0]);
    for (const other of values) expect(other).toEqual(values[0]);
  });

  it("evaluates and saves the average of the weights, and trains on with the weights", async () => {
    const files = async (runDir: string) => {
      const { checkpoint } = await findLatest(runDir);
      const [model, optimizer] = [await checkpoint!.openModel(), await checkpoint!.openOptimizer()];
      const read = async (file: typeof model, name: string) => (await file.read(name)) as Float32Array;
      const weight = await read(model, "output.weight");
      const trained = optimizer.tensors.has("output.weight/trained")
        ? await read(optimizer, "output.weight/trained")
        : undefined;
      await Promise.all([model.close(), optimizer.close()]);
      return { weight, trained };
    };
    const decay = 0.75;
    const trainSteps = async (steps: number, settings: Record<string, unknown>) => {
      const runDir = join(folder, `steps-${runs++}`);
      const trainer = trainerFor(configOf({ epochs: undefined, steps, ...settings }), { runDir });
      return { trainer, ...(await trainer.run()), ...(await files(runDir)) };
    };
    const weights: Float32Array[] = [];
    const averages: Float32Array[] = [];
    for (const steps of [1, 2, 3]) weights.push((await trainSteps(steps, {})).weight);
    for (const steps of [1, 2]) averages.push((await trainSteps(steps, { average: { decay } })).weight);
    const { trainer, checkpoint, weight, trained } = await trainSteps(3, { average: { decay } });
    averages.push(weight);
    // The average changes nothing of the training itself.
    expect(trained).toEqual(weights[2]);
    const [before, after] = [averages[1], averages[2]];
    before.forEach((value, i) => {
      expect(after[i]).toBeCloseTo(decay * value + (1 - decay) * weights[2][i], 6);
    });
    const measured = await trainer.evaluate(checkpoint, prepared.splits.valid!);
    if (!measured.logLoss.defined) throw new Error(measured.logLoss.reason);
    expect(measured.logLoss.value).toBe(checkpoint.manifest.metrics.logLoss);
  });

  it("measures groups of rows, and can choose its best checkpoint by them", async () => {
    const runDir = join(folder, "grouped");
    const config = configOf({ groups: { by: "b", recallAt: [5] }, metric: "groupedAuc" });
    const { checkpoint } = await trainerFor(config, { runDir }).run();
    const { metrics } = checkpoint.manifest;
    expect(checkpoint.dir).toBe((await findBest(runDir)).dir);
    expect(metrics.groupedAuc).toBeGreaterThan(0.7);
    expect(metrics.groupedAuc).not.toBe(metrics.auc);
    // Seven groups of about 57 rows, half of them positive: five places are a fifth of the positives at most.
    expect(metrics["recall@5"]).toBeGreaterThan(0.05);
    expect(metrics["recall@5"]).toBeLessThan(0.4);
  });

  it("predicts numbers with squared errors", async () => {
    const config = configOf({ loss: { kind: "squaredError" }, metric: "meanSquaredError", epochs: 4 });
    const { checkpoint } = await trainerFor(config).run();
    const { metrics } = checkpoint.manifest;
    const labels = columnValues(prepared.splits.valid!, LABEL_COLUMN);
    const rate = labels.reduce((sum, label) => sum + label, 0) / labels.length;
    // Better than the mean label, whose squared error is the labels' variance.
    expect(metrics.meanSquaredError).toBeLessThan(0.9 * rate * (1 - rate));
    expect(metrics.xauc).toBeGreaterThan(0.7);
    expect(metrics.auc).toBeUndefined();
  });

  it("refuses metrics that would never be measured, and groups of no id", () => {
    expect(() => configOf({ metric: "groupedAuc" })).toThrow(/train\.metric[\s\S]*train\.groups/);
    expect(() => configOf({ loss: { kind: "squaredError" } })).toThrow(
      /train\.metric[\s\S]*meanSquaredError/,
    );
    expect(() => configOf({ earlyStopping: { metric: "xauc" } })).toThrow(/earlyStopping\.metric/);
    expect(() => configOf({ groups: { by: "x" } })).toThrow(/train\.groups\.by[\s\S]*a, b/);
  });

  it("refuses an override of no parameter", () => {
    const optimizer = { overrides: [{ pattern: "embeddings\\.nobody", l2: 1 }] };
    expect(() => trainerFor(configOf({ optimizer }))).toThrow(
      /overrides\[0\]\.pattern[\s\S]*embeddings\.a\.weight/,
    );
  });

  it("starts from the weights of another run", async () => {
    const runDir = join(folder, "pretrained");
    await trainerFor(configOf(), { runDir }).run();
    const still = { kind: "sgd", learningRate: 1e-9 };
    const aucAfterOneStep = async (settings: Record<string, unknown>) => {
      const optimizer = { dense: still, embedding: still };
      const { checkpoint } = await trainerFor(
        configOf({ epochs: undefined, steps: 1, optimizer, ...settings }),
      ).run();
      return checkpoint.manifest.metrics.auc;
    };
    const scratch = await aucAfterOneStep({ seed: 99 });
    const tuned = await aucAfterOneStep({ seed: 99, initializeFrom: { run: runDir } });
    expect(tuned).toBeGreaterThan(0.75);
    expect(tuned).toBeGreaterThan(scratch + 0.05);
  });

  it("makes the evaluation that is due when an interrupt meets it, so that a resumed run chooses as a whole one", async () => {
    const train = { earlyStopping: { patience: 1, minDelta: 0.2 }, epochs: 6 };
    const whole = join(folder, "whole-evaluation");
    const expected = await trainerFor(configOf(train), { runDir: whole }).run();
    const parts = join(folder, "parts-evaluation");
    const controller = new AbortController();
    let rows = 0;
    const listener = (event: TrainingEvent) => {
      if (event.kind !== "trained") return;
      rows += event.rows;
      if (rows === 1000) controller.abort();
    };
    const first = await trainerFor(configOf(train), {
      runDir: parts,
      signal: controller.signal,
      listener,
    }).run();
    expect(first.position.step).toBe(16);
    const second = await trainerFor(configOf(train), { runDir: parts, resume: true }).run();
    expect(second.position).toEqual(expected.position);
    expect(second.checkpoint.name).toBe(expected.checkpoint.name);
    expect(await bytesOfLatest(parts)).toEqual(await bytesOfLatest(whole));
  });

  it("is the only one that writes to its run directory", async () => {
    const runDir = join(folder, "alone-in-its-directory");
    const second: Promise<unknown>[] = [];
    const listener = ({ kind }: TrainingEvent) => {
      if (kind === "epochStarted") second.push(trainerFor(configOf(), { runDir }).run());
      for (const run of second) run.catch(() => {});
    };
    await trainerFor(configOf({ epochs: 1 }), { runDir, listener }).run();
    await expect(second[0]).rejects.toThrow(`process ${process.pid} on ${hostname()}`);
    expect(readdirSync(runDir)).not.toContain("writer.lock");
  });

  it("refuses to resume on other data", async () => {
    const runDir = join(folder, "other-data");
    await trainerFor(configOf({ epochs: 1 }), { runDir }).run();
    const fewer = { ...prepared.splits.train, rows: 300, columns: prepared.splits.train.columns };
    const resumed = trainerFor(configOf({ epochs: 2 }), { runDir, resume: true, train: fewer }).run();
    await expect(resumed).rejects.toThrow(/training split is not the one[\s\S]*300 rows[\s\S]*1000 rows/);
    const rows = rowsOf(1000, 1).map((row, i) => (i === 500 ? { ...row, y: 1 - Number(row.y) } : row));
    const { data, features: configured } = configOf();
    const { splits } = await prepareData({ data: { ...data, train: { rows } }, features: configured });
    const relabelled = trainerFor(configOf({ epochs: 2 }), {
      runDir,
      resume: true,
      train: splits.train,
    }).run();
    await expect(relabelled).rejects.toThrow(/1000 rows in batches of \d+, with other values/);
    const [first, ...rest] = prepared.features.features;
    const features = { ...prepared.features, features: [{ ...first, rows: 99 } as typeof first, ...rest] };
    const refitted = trainerFor(configOf({ epochs: 2 }), { runDir, resume: true, features }).run();
    await expect(refitted).rejects.toThrow(/features fitted to the data are not those/);
  });

  it("goes on from an older checkpoint past a damaged one, says so, and writes the damaged one again", async () => {
    const runDir = join(folder, "damaged");
    const whole = await trainerFor(configOf(), { runDir }).run();
    const { checkpoint } = await findLatest(runDir);
    const expected = await bytesOfLatest(runDir);
    const model = join(checkpoint!.dir, "model.safetensors");
    const bytes = readFileSync(model);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(model, bytes);
    const passed: string[] = [];
    const listener = (event: TrainingEvent) => {
      if (event.kind === "checkpointPassedOver") passed.push(event.dir);
    };
    const { position } = await trainerFor(configOf(), { runDir, resume: true, listener }).run();
    expect(passed).toEqual([checkpoint!.dir]);
    expect(position).toEqual(whole.position);
    expect(await bytesOfLatest(runDir)).toEqual(expected);
    await (await findLatest(runDir)).checkpoint!.verify();
  });

  it.each([
    { batch: 32, tileRows: 32, groups: 1 },
    { batch: 64, tileRows: 1, groups: 1 },
    { batch: 64, tileRows: 33, groups: 1 },
    { batch: 64, tileRows: 512, groups: 1 },
    { batch: 64, tileRows: 32, groups: 65_537 },
  ])("refuses to resume with a division of batches that no run has: %o", async (geometry) => {
    const runDir = join(folder, `geometry-${Object.values(geometry).join("-")}`);
    const { checkpoint } = await trainerFor(configOf({ epochs: 1 }), { runDir }).run();
    signAgain(checkpoint.dir, (manifest) => ({ ...manifest, geometry }));
    const resumed = trainerFor(configOf({ epochs: 2 }), { runDir, resume: true }).run();
    await expect(resumed).rejects.toThrow(/geometry: the checkpoint divides batches as no run/);
  });

  it.each<[what: string, change: (manifest: Record<string, unknown>) => object]>([
    ["a geometry that no run has", (m) => ({ ...m, geometry: { batch: 64, tileRows: 1, groups: 1 } })],
    ["a state of the trainer that is malformed", (m) => ({ ...m, trainer: { loss: "high" } })],
    ["a loss that is high", (m) => ({ ...m, trainer: highLoss(m.trainer as object) })],
  ])("removes no checkpoint when it resumes from one with %s", async (what, change) => {
    const runDir = join(folder, what);
    const checkpoint = { every: 7, keep: 9 };
    const { checkpoint: newest } = await trainerFor(configOf({ epochs: 2, checkpoint }), { runDir }).run();
    const steps = async () => (await listCheckpoints(runDir)).map(({ manifest }) => manifest.step);
    const before = await steps();
    expect(before.length).toBeGreaterThan(4);
    signAgain(newest.dir, change);
    const config = configOf({ epochs: 2, checkpoint: { every: 7, keep: 1 } });
    await trainerFor(config, { runDir, resume: true })
      .run()
      .catch(() => {});
    expect(await steps()).toEqual(before);
  });

  it("keeps the best evaluation whatever the interval of checkpoints", async () => {
    const runDir = join(folder, "unaligned");
    const { checkpoint } = await trainerFor(configOf({ checkpoint: { every: 7 }, epochs: 4 }), {
      runDir,
    }).run();
    const valid = readMetrics(join(runDir, "metrics.jsonl")).filter(({ split }) => split === "valid");
    const best = valid.reduce((a, b) => (b.values.auc! > a.values.auc! ? b : a));
    expect(checkpoint.manifest.step).toBe(best.step);
  });

  it("returns the latest checkpoint where no metric is defined", async () => {
    const runDir = join(folder, "undefined-metric");
    const { data, features } = configOf();
    const positive = rowsOf(50, 3).map((row) => ({ ...row, y: 1 }));
    const { splits } = await prepareData({ data: { ...data, valid: { rows: positive } }, features });
    const { checkpoint } = await trainerFor(configOf(), { runDir, valid: splits.valid }).run();
    expect(checkpoint.manifest.step).toBe(48);
  });

  it("gives the same bytes for 1, 2 and 3 threads", async () => {
    const bytes: string[][] = [];
    for (const threads of [1, 2, 3]) {
      const runDir = join(folder, `threads-${threads}`);
      await trainerFor(configOf({ threads }), { runDir }).run();
      bytes.push(await bytesOfLatest(runDir));
    }
    expect(bytes[1]).toEqual(bytes[0]);
    expect(bytes[2]).toEqual(bytes[0]);
  });

  it("stops early when the metric no longer improves, and keeps the best", async () => {
    const runDir = join(folder, "early");
    const stagnant = {
      dense: { kind: "sgd", learningRate: 1e-9 },
      embedding: { kind: "sgd", learningRate: 1e-9 },
    };
    const config = configOf({
      epochs: 50,
      optimizer: stagnant,
      earlyStopping: { patience: 2, minDelta: 0.01 },
    });
    const { reason, position } = await trainerFor(config, { runDir }).run();
    expect(reason).toBe("earlyStopping");
    expect(position.epoch).toBe(3);
    expect((await findBest(runDir)).manifest.step % 16).toBe(0);
  });

  it("lowers the learning rate on a plateau", async () => {
    const runDir = join(folder, "plateau");
    const schedule = { kind: "reduceOnPlateau", factor: 0.5, patience: 1, minDelta: 0.5 };
    const optimizer = {
      dense: { kind: "adam", learningRate: 0.01, schedule },
      embedding: { kind: "adam", learningRate: 0.02 },
    };
    await trainerFor(configOf({ epochs: 4, optimizer }), { runDir }).run();
    const train = readMetrics(join(runDir, "metrics.jsonl")).filter(({ split }) => split === "train");
    const rates = [16, 32, 48, 64].map((step) => train.find((line) => line.step === step)!.values);
    expect(rates.map((values) => values["learning_rate.dense"])).toEqual([0.01, 0.01, 0.005, 0.0025]);
    expect(rates.map((values) => values["learning_rate.embedding"])).toEqual([0.02, 0.02, 0.02, 0.02]);
  });

  it("counts steps instead of epochs, and evaluates every n steps", async () => {
    const runDir = join(folder, "steps");
    const { position } = await trainerFor(configOf({ epochs: undefined, steps: 25, evaluateEvery: 10 }), {
      runDir,
    }).run();
    expect(position).toEqual({ step: 25, epoch: 1, epochStep: 9 });
    const valid = readMetrics(join(runDir, "metrics.jsonl")).filter(({ split }) => split === "valid");
    expect(valid.map(({ step }) => step)).toEqual([10, 20, 25]);
  });

  it("stops with a clear error when the loss is no longer a number", async () => {
    const optimizer = {
      dense: { kind: "sgd", learningRate: 1e30 },
      embedding: { kind: "sgd", learningRate: 1e30 },
    };
    const runDir = join(folder, "diverges");
    const failure = await trainerFor(configOf({ optimizer }), { runDir })
      .run()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ExecutionError);
    expect((failure as Error).message).toMatch(/loss is no longer a number[\s\S]*learningRate/);
    expect((await findLatest(runDir)).checkpoint).toBeUndefined();
  });
});

const highLoss = (trainer: object) => ({
  ...trainer,
  loss: { steps: 32, average: 0.5, first: 0.7, score: 9 },
});
