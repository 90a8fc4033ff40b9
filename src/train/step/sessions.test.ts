import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../../backends/choose.js";
import { findLatest } from "../../checkpoint/index.js";
import { checksumsOf } from "../../checkpoint/testing.js";
import { type Config, resolveConfig } from "../../config/config.js";
import { type PreparedData, prepareData } from "../../data/index.js";
import { ConfigError } from "../../errors.js";
import { openModel } from "../../saved/model.js";
import { load } from "../../serve/load.js";
import { evaluate, metricSettings } from "../evaluate.js";
import { Trainer } from "../trainer.js";
import { parametersOf } from "./model-graphs.js";

/* The loss jrc: sessions of five rows, of which those with the larger number are chosen. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-sessions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = 240;
const rows = Array.from({ length: ROWS }, (_, i) => {
  const x = ((i * 37) % 101) / 101;
  return { session: Math.floor(i / 5), a: i % 7, x, y: x + (i % 7) / 14 > 0.8 ? 1 : 0 };
});

function configOf(train: Record<string, unknown> = {}) {
  return resolveConfig({
    data: { train: { rows }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "session", hash: 100_000 },
      { kind: "id", name: "a", buckets: 7 },
      { kind: "number", name: "x" },
    ],
    model: {
      kind: "dlrm",
      embeddingDim: 4,
      dense: { features: ["x"], mlp: { hiddenUnits: [8, 4] } },
      sparse: { features: ["a"] },
      final: { hiddenUnits: [8] },
    },
    train: {
      batchSize: 60,
      epochs: 4,
      shuffle: false,
      loss: { kind: "jrc", session: "session", alpha: 0.4 },
      optimizer: {
        dense: { kind: "adam", learningRate: 0.02 },
        embedding: { kind: "adam", learningRate: 0.02 },
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
async function trained(settings: Record<string, unknown> = {}): Promise<string> {
  const runDir = join(folder, `run-${runs++}`);
  await train(configOf(settings), runDir);
  return runDir;
}

async function train(config: Config, runDir: string): Promise<void> {
  const { features, splits } = prepared;
  const { backend } = chooseBackend();
  await new Trainer({ config, features, train: splits.train, backend, runDir }).run();
}

async function weightsOf(runDir: string): Promise<unknown> {
  return checksumsOf((await findLatest(runDir)).checkpoint!.manifest).join();
}

describe("joint ranking and calibration", () => {
  it("learns, and predicts one probability: the softmax's of two outputs", async () => {
    const runDir = await trained({ epochs: 60, evaluateEvery: 240, seed: 2 });
    const { backend } = chooseBackend();
    const { checkpoint } = await findLatest(runDir);
    const model = await openModel(checkpoint!, { backend, maxBatch: 4096 });
    expect(parametersOf(model.graph).at(-1)).toMatchObject({ name: "output.bias", shape: [2] });
    const measured = await evaluate(model.executable, prepared.splits.train, metricSettings(model.config));
    expect(measured.auc).toEqual({ defined: true, value: expect.closeTo(1, 1) });
    const predictor = await load(runDir);
    const logits = predictor.logits(rows);
    expect(logits).toHaveLength(ROWS);
    predictor.predict(rows).forEach((p, i) => {
      expect(p).toBeCloseTo(1 / (1 + Math.exp(-logits[i])), 6);
    });
    // Who else is asked about changes no prediction.
    expect(predictor.predictOne({ ...rows[7], session: "another" })).toBe(predictor.predict(rows)[7]);
  });

  it("gives the same bits for any number of threads", async () => {
    const one = await trained({ threads: 1 });
    expect(await weightsOf(await trained({ threads: 3 }))).toBe(await weightsOf(one));
  });

  it("depends on who is in a session with whom", async () => {
    const inSessions = await trained();
    const others = await trained({ loss: { kind: "jrc", session: "a", alpha: 0.4 } });
    expect(await weightsOf(others)).not.toBe(await weightsOf(inSessions));
  });

  it("needs a feature with one id per row", () => {
    const session = (name: string) => configOf({ loss: { kind: "jrc", session: name } });
    expect(() => session("x")).toThrow(ConfigError);
    expect(() => session("user")).toThrow(/train\.loss\.session[\s\S]*session, a/);
  });

  it("supports one label only", () => {
    const { data, ...rest } = configOf();
    expect(() => resolveConfig({ ...rest, data: { ...data, label: ["y", "z"] } })).toThrow(
      /loss jrc supports one/,
    );
  });

  it("is refused with gradient accumulation, which would part sessions", () => {
    expect(() => configOf({ gradientAccumulation: 2 })).toThrow(/loss over sessions/);
  });
});

describe("rows in the order of the files", () => {
  async function weights(seed: number, shuffle: boolean): Promise<unknown> {
    const runDir = join(folder, `run-${runs++}`);
    const { data, features } = configOf();
    // All its weights start at zero, so that the seed decides nothing but the order.
    const model = { kind: "logisticRegression", features: ["a"] };
    const config = resolveConfig({ data, features, model, train: { batchSize: 32, seed, shuffle } });
    await train(config, runDir);
    return weightsOf(runDir);
  }

  it("do not depend on the seed", async () => {
    expect(await weights(1, false)).toBe(await weights(2, false));
    expect(await weights(1, true)).not.toBe(await weights(2, true));
  });
});
