import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { chooseBackend } from "../src/backends/choose.js";
import { resolveConfig } from "../src/config/config.js";
import { prepareData } from "../src/data/index.js";
import { draw, drawKey, drawUnit } from "../src/random.js";
import { DivergedError } from "../src/train/diverged.js";
import { initialLossWatch } from "../src/train/loss-watch.js";
import { factsOf } from "../src/train/step/loss/index.js";
import { Trainer } from "../src/train/trainer.js";

/** How many random runs. The long form: `HEALTHY_RUNS=400 npx vitest run test/healthy-runs.test.ts --testTimeout 3600000`. */
const RUNS = Number(process.env.HEALTHY_RUNS ?? 5);

/** The losses of every step: in these runs, nobody watches them. */
const losses: number[] = [];
vi.mock("../src/train/loss-watch.js", async (original) => {
  const real = await original<typeof import("../src/train/loss-watch.js")>();
  const watch: typeof real.watchLosses = (state, steps) => {
    losses.push(...steps);
    return state;
  };
  return { ...real, watchLosses: watch };
});
const { watchLosses: watched } = await vi.importActual<typeof import("../src/train/loss-watch.js")>(
  "../src/train/loss-watch.js",
);

const folder = mkdtempSync(join(tmpdir(), "healthy-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => void losses.splice(0));

const MODELS = [
  { kind: "logisticRegression", features: ["a", "b", "x"] },
  { kind: "fm", features: ["a", "b"], embeddingDim: 4 },
  {
    kind: "dlrm",
    embeddingDim: 4,
    dense: { features: ["x"], mlp: { hiddenUnits: [8, 4] } },
    sparse: { features: ["a", "b"] },
    final: { hiddenUnits: [16] },
  },
  { kind: "dcnV2", features: ["a", "b", "x"], embeddingDim: 4, deep: { hiddenUnits: [16, 8] } },
];

/** A run whose data, model, loss, optimizer and batches are drawn from the number. */
function randomRun(number: number) {
  const key = drawKey(number, 1, 0);
  let drawn = 0;
  const unit = () => drawUnit(key, drawn++);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(unit() * values.length)];
  const loss = pick(["binaryCrossEntropy", "binaryCrossEntropy", "focal", "squaredError"]);
  const bias = pick([0, 0, -2, -4.5]);
  const tail = pick([0, 1, 2]);
  const rows = Array.from({ length: pick([200, 1000, 3000]) }, () => {
    const [a, b] = [Math.floor(unit() * 50), Math.floor(unit() * 7)];
    const x = unit() * 4 - 2;
    const logit = ((a * 3 + b * 5) % 4) - 1.5 + x + bias;
    const normal = Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
    const label =
      loss === "squaredError" ? logit + Math.exp(tail * normal) : Number(unit() < 1 / (1 + Math.exp(-logit)));
    return { a, b, x: x * pick([1, 1, 1, 30]), y: label };
  });
  const learningRate = 10 ** (unit() * 3 - 4);
  const kind = pick(["adam", "adagrad", "sgd"]);
  const config = resolveConfig({
    data: { train: { rows }, label: "y", cacheDir: join(folder, `cache-${number}`) },
    features: [
      { kind: "id", name: "a", buckets: 50 },
      { kind: "id", name: "b", buckets: 7 },
      { kind: "number", name: "x", normalize: pick([undefined, "zscore"]) },
    ],
    model: pick(MODELS),
    train: {
      ...{
        batchSize: pick([1, 8, 64, 256]),
        steps: 1500,
        seed: number + 1,
        threads: 1,
        shuffle: pick([true, true, false]),
      },
      ...{ loss: { kind: loss }, metric: loss === "squaredError" ? "meanSquaredError" : "auc" },
      optimizer: {
        dense: { kind, learningRate },
        embedding: {
          kind: pick(["adam", "rowWiseAdagrad", "sgd"]),
          learningRate: learningRate * pick([1, 10]),
        },
      },
    },
  });
  return config;
}

async function lossesOf(number: number): Promise<Float32Array> {
  const config = randomRun(number);
  const { features, splits } = await prepareData({
    data: config.data,
    features: config.features,
    labels: factsOf(config.train.loss).task.labels,
  });
  const runDir = join(folder, `run-${number}`);
  const { backend } = chooseBackend();
  await new Trainer({ config, features, train: splits.train, backend, runDir }).run().catch((error) => {
    if (!(error instanceof DivergedError)) throw error;
  });
  rmSync(runDir, { recursive: true });
  return Float32Array.from(losses.splice(0));
}

const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;

/** It ran to the end, and the loss at the end is not above the loss at the start. */
const isHealthy = (all: Float32Array) =>
  all.length === 1500 && mean(all.slice(-300)) <= mean(all.slice(0, 100));

/** The step at which the watch stops these losses. */
function stopOf(all: Float32Array): number | undefined {
  try {
    watched(initialLossWatch, all, 0);
    return undefined;
  } catch (error) {
    return (error as DivergedError).step;
  }
}

it("at most one healthy run of a hundred is stopped, and a tenfold loss stops every one within 100 steps", async () => {
  let [healthy, stopped] = [0, 0];
  const missed: number[] = [];
  for (let number = 0; number < RUNS; number++) {
    const all = await lossesOf(number);
    if (!isHealthy(all)) continue;
    healthy++;
    if (stopOf(all) !== undefined) stopped++;
    else {
      const from = 1000 + (draw(drawKey(1, 2, 3), number) % 400);
      const average = all.slice(0, from).reduce((mean, loss) => mean + (loss - mean) / 200);
      const risen = all.map((value, step) => (step >= from ? 10 * Math.max(value, average) : value));
      const stop = stopOf(risen);
      if (stop === undefined || stop < from || stop - from >= 100) missed.push(number);
    }
  }
  expect(healthy).toBeGreaterThan(RUNS / 2);
  expect(missed).toEqual([]);
  expect(stopped).toBeLessThanOrEqual(healthy / 100);
});
