import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { type Checkpoint, findBest, findLatest } from "../checkpoint/index.js";
import { checksumsOf } from "../checkpoint/testing.js";
import { type Config, resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { draw, drawKey, drawUnit } from "../random.js";
import { openModel } from "../saved/model.js";
import { evaluate, metricSettings, predictLogits } from "./evaluate.js";
import { readMetrics } from "./log/metrics-log.js";
import { memberDirectory } from "./members.js";
import { Trainer, type TrainerOptions } from "./trainer.js";
import { trainerOf } from "./trainer-of.js";
import type { TrainingEvent } from "./training-event.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-seeds-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rowsOf(count: number, stream: number): Record<string, unknown>[] {
  const key = drawKey(7, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [draw(key, 4 * i) % 11, draw(key, 4 * i + 1) % 7];
    const x = drawUnit(key, 4 * i + 2) * 4 - 2;
    const p = 1 / (1 + Math.exp(-(((a * 3 + b * 5) % 4) - 1.5 + x)));
    return { a, b, x, y: drawUnit(key, 4 * i + 3) < p ? 1 : 0 };
  });
}

const SEEDS = [5, 6, 7];

function configOf(train: Record<string, unknown> = {}): Config {
  return resolveConfig({
    data: {
      train: { rows: rowsOf(600, 1) },
      valid: { rows: rowsOf(300, 2) },
      label: "y",
      cacheDir: join(folder, "cache"),
    },
    features: [
      { kind: "id", name: "a", buckets: 11, dtype: "fp16" },
      { kind: "id", name: "b", vocabulary: {} },
      { kind: "number", name: "x", normalize: "zscore" },
    ],
    model: {
      kind: "dlrm",
      embeddingDim: 4,
      dense: { features: ["x"], mlp: { hiddenUnits: [8, 4] } },
      sparse: { features: ["a", "b"] },
      final: { hiddenUnits: [16], norm: "batch", dropout: 0.1 },
    },
    train: { batchSize: 64, epochs: 2, seed: 5, seeds: 3, threads: 2, ...train },
  });
}

let prepared: PreparedData;
beforeAll(async () => {
  prepared = await prepareData(configOf());
});

const { backend } = chooseBackend();
const place = (name: string) => join(folder, name);

function optionsOf(config: Config, runDir: string, more: Partial<TrainerOptions> = {}): TrainerOptions {
  const { features, splits } = prepared;
  return { config, features, train: splits.train, valid: splits.valid, backend, runDir, ...more };
}

async function logitsOf(checkpoint: Checkpoint): Promise<Float32Array> {
  const { executable } = await openModel(checkpoint, { backend, maxBatch: 4096 });
  return predictLogits(executable, prepared.splits.valid!, 1);
}

/** All files of the model of a run, and of its members. */
async function bytesOf(runDir: string): Promise<string[][]> {
  const dirs = [runDir, ...SEEDS.map((seed) => memberDirectory(runDir, seed))];
  const latest = await Promise.all(dirs.map((dir) => findLatest(dir)));
  return latest.map(({ checkpoint }) => checksumsOf(checkpoint!.manifest));
}

describe("a run with seeds", () => {
  const runDir = place("whole");
  let checkpoint: Checkpoint;
  const events: TrainingEvent[] = [];
  beforeAll(async () => {
    const listener = (event: TrainingEvent) => void events.push(event);
    const result = await trainerOf(optionsOf(configOf(), runDir, { listener })).run();
    expect(result).toMatchObject({ reason: "finished", position: { step: 3 * 20 }, trainRows: 3 * 2 * 600 });
    checkpoint = result.checkpoint;
  });

  it("predicts the mean of the logits of separate runs, to rounding", async () => {
    const separate = await Promise.all(
      SEEDS.map(async (seed) => {
        const config = configOf({ seed, seeds: undefined });
        const { checkpoint } = await new Trainer(optionsOf(config, place(`separate-${seed}`))).run();
        const member = await findLatest(memberDirectory(runDir, seed));
        const latest = await findLatest(place(`separate-${seed}`));
        expect(checksumsOf(member.checkpoint!.manifest)).toEqual(checksumsOf(latest.checkpoint!.manifest));
        return logitsOf(checkpoint);
      }),
    );
    const mean = await logitsOf(checkpoint);
    mean.forEach((logit, row) => {
      const expected = separate.reduce((sum, logits) => sum + logits[row] / 3, 0);
      expect(Math.abs(logit - expected)).toBeLessThan(1e-5);
    });
    expect(separate[0]).not.toEqual(separate[1]);
  });

  it("is measured as one model, which is the best of the run", async () => {
    const { executable, config } = await openModel(checkpoint, { backend, maxBatch: 4096 });
    const { auc } = await evaluate(executable, prepared.splits.valid!, metricSettings(config));
    expect(auc).toEqual({ defined: true, value: checkpoint.manifest.metrics.auc });
    expect((await findBest(runDir)).dir).toBe(checkpoint.dir);
    const again = await trainerOf(optionsOf(configOf(), runDir)).evaluate(checkpoint, prepared.splits.valid!);
    expect(again.auc).toEqual(auc);
    expect(checkpoint.manifest.members!.map(({ seed }) => seed)).toEqual(SEEDS);
    expect(checkpoint.manifest.config).toMatchObject({ train: { seeds: 3 } });
  });

  it("logs the members one after the other, then their mean", () => {
    const valid = readMetrics(join(runDir, "metrics.jsonl")).filter(({ split }) => split === "valid");
    expect(valid.map(({ step }) => step)).toEqual([10, 20, 30, 40, 50, 60, 60]);
    expect(valid.at(-1)!.values.auc).toBe(checkpoint.manifest.metrics.auc);
    const seeds = events.map(({ seed }) => seed).filter((seed) => seed !== undefined);
    expect([...new Set(seeds)]).toEqual(SEEDS);
  });

  it("names a member where another run cannot start from it as a whole", async () => {
    const start = (run: string, train = {}) =>
      new Trainer(
        optionsOf(configOf({ initializeFrom: { run }, seeds: undefined, ...train }), place("fine")),
      ).run();
    await expect(start(runDir)).rejects.toThrow(/The run has members: name one of them, such as .*seed-5/);
    expect((await start(memberDirectory(runDir, 6))).reason).toBe("finished");
  });

  it("starts each member from the member of the same seed", async () => {
    const initialized: string[] = [];
    const listener = (event: TrainingEvent) => {
      if (event.kind === "initialized") initialized.push(event.initialized.checkpoint);
    };
    const config = configOf({ initializeFrom: { run: runDir } });
    await trainerOf(optionsOf(config, place("next"), { listener })).run();
    expect(initialized.map((dir) => /seed-(\d)/.exec(dir)?.[1])).toEqual(["5", "6", "7"]);
  });
});

describe("an interrupted run with seeds", () => {
  const train = { checkpoint: { every: 5, keep: 2 } };
  const whole = place("uninterrupted");
  beforeAll(async () => void (await trainerOf(optionsOf(configOf(train), whole)).run()));

  /** Stops at the checkpoint of this number, counted over all members. */
  const stopAt = (checkpoints: number, stop: () => void) => {
    let left = checkpoints;
    return ({ kind }: TrainingEvent) => {
      if (kind === "checkpointed" && --left === 0) stop();
    };
  };

  it.each([1, 4, 7])("ends with the same bytes after Ctrl-C at checkpoint %i", async (at) => {
    const runDir = place(`asked-${at}`);
    const controller = new AbortController();
    const listener = stopAt(at, () => controller.abort());
    const { signal } = controller;
    const first = await trainerOf(optionsOf(configOf(train), runDir, { signal, listener })).run();
    expect(first.reason).toBe("interrupted");
    const members = first.checkpoint.manifest.members!;
    expect(members).toHaveLength(Math.ceil(at / 4));
    expect(first.checkpoint.manifest.metrics).toEqual({});
    expect(Number.isFinite((await logitsOf(first.checkpoint))[0])).toBe(true);
    const second = await trainerOf(optionsOf(configOf(train), runDir, { resume: true })).run();
    expect([second.reason, second.checkpoint.manifest.members!.length]).toEqual(["finished", 3]);
    expect(await bytesOf(runDir)).toEqual(await bytesOf(whole));
    const log = (dir: string) => readMetrics(join(dir, "metrics.jsonl")).map(({ time, ...line }) => line);
    const valid = (dir: string) => log(dir).filter(({ split }) => split === "valid");
    expect(valid(runDir)).toEqual(valid(whole));
  });

  it.each([4, 11])("ends with the same bytes after a crash at checkpoint %i", async (at) => {
    const [running, crashed] = [place(`running-${at}`), place(`crashed-${at}`)];
    // What a process leaves that is killed at this moment.
    const listener = stopAt(at, () => {
      cpSync(running, crashed, { recursive: true, filter: (path) => !path.endsWith("writer.lock") });
    });
    await trainerOf(optionsOf(configOf(train), running, { listener })).run();
    const resumed = await trainerOf(optionsOf(configOf(train), crashed, { resume: true })).run();
    expect(resumed.reason).toBe("finished");
    expect(await bytesOf(crashed)).toEqual(await bytesOf(whole));
  });

  it("goes on after a complete run with more epochs", async () => {
    const runDir = place("longer");
    cpSync(whole, runDir, { recursive: true });
    const config = configOf({ ...train, epochs: 3 });
    const { position } = await trainerOf(optionsOf(config, runDir, { resume: true })).run();
    expect(position.step).toBe(3 * 30);
    const at = place("longer-whole");
    await trainerOf(optionsOf(config, at)).run();
    expect(await bytesOf(runDir)).toEqual(await bytesOf(at));
  });
});

describe("seeds: 1", () => {
  it("is the same run as without the key, and a Trainer takes no more", async () => {
    const [one, none] = [configOf({ seeds: 1 }), configOf({ seeds: undefined })];
    await trainerOf(optionsOf(one, place("one"))).run();
    await trainerOf(optionsOf(none, place("none"))).run();
    const bytes = async (name: string) => checksumsOf((await findLatest(place(name))).checkpoint!.manifest);
    expect(await bytes("one")).toEqual(await bytes("none"));
    expect(() => new Trainer(optionsOf(configOf(), place("two")))).toThrow(/trains one member/);
  });
});
