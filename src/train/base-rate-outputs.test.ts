import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import type { Checkpoint } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { factsOf } from "./step/loss/index.js";
import { Trainer } from "./trainer.js";

/* Where the bias of the outputs starts: read from the checkpoint of a run whose learning rate is almost 0. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-base-rate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ids = ["a", "b"];
const mlp = { hiddenUnits: [4] };
const DLRM = { kind: "dlrm", embeddingDim: 4, sparse: { features: ids }, final: mlp };
const SLOW = { kind: "sgd", learningRate: 1e-12 };

/** 1 row of 50 has the label; every second row weighs 3. */
const rows = Array.from({ length: 500 }, (_, i) => ({
  a: i % 5,
  b: i % 7,
  rare: i % 50 === 0 ? 1 : 0,
  often: i % 4 === 0 ? 0 : 1,
  class: [0, 0, 0, 1, 1, 2][i % 6],
  price: 20 + (i % 10),
  weight: i % 2 === 0 ? 3 : 1,
}));

interface Case {
  readonly label: string | readonly string[];
  readonly weight?: string;
  readonly sampleNegatives?: { readonly keep: number; readonly seed: number };
  readonly model?: object;
  readonly train?: object;
}

/** The biases of the model after one step. */
async function started({ label, weight, sampleNegatives, model = DLRM, train = {} }: Case) {
  const config = resolveConfig({
    data: {
      train: { rows },
      label,
      ...(weight && { weight }),
      ...(sampleNegatives && { sampleNegatives }),
      cacheDir: join(folder, "cache"),
    },
    features: [
      { kind: "id", name: "a", buckets: 5 },
      { kind: "id", name: "b", buckets: 7 },
    ],
    model,
    train: { steps: 1, optimizer: { dense: SLOW, embedding: SLOW }, ...train },
  });
  const { labels } = factsOf(config.train.loss).task;
  const { features, splits } = await prepareData({ ...config, labels });
  const runDir = mkdtempSync(join(folder, "run-"));
  const { checkpoint } = await new Trainer({
    config,
    features,
    train: splits.train,
    backend: referenceBackend,
    runDir,
  }).run();
  return biasesOf(checkpoint);
}

async function biasesOf(checkpoint: Checkpoint): Promise<Map<string, Float32Array>> {
  const file = await checkpoint.openModel();
  const biases = new Map<string, Float32Array>();
  for (const [name, { shape }] of file.tensors) {
    if (!name.endsWith("bias")) continue;
    biases.set(name, new Float32Array(shape[0]));
    await file.readInto(name, biases.get(name)!);
  }
  await file.close();
  return biases;
}

/** The number in [0, 1) by which rows are sampled, as in docs/data.md. */
const unitOf = (text: string): number =>
  Number(createHash("md5").update(text).digest().readBigUInt64LE(8) >> 11n) / 2 ** 53;

const logOdds = (rate: number) => Math.log(rate / (1 - rate));
const share = (of: (row: (typeof rows)[number]) => number, weightOf = (_: (typeof rows)[number]) => 1) =>
  rows.reduce((sum, row) => sum + of(row) * weightOf(row), 0) /
  rows.reduce((sum, row) => sum + weightOf(row), 0);

function expectClose(found: ArrayLike<number>, expected: readonly number[]): void {
  expect([...Array.from(found)].map((x) => x.toFixed(4))).toEqual(expected.map((x) => x.toFixed(4)));
}

describe("the bias of the outputs starts", () => {
  it("at the log odds of the base rate", async () => {
    expectClose((await started({ label: "rare" })).get("output.bias")!, [logOdds(0.02)]);
  });

  it("at the weighted rate where rows have weights", async () => {
    const rate = share(
      ({ rare }) => rare,
      ({ weight }) => weight,
    );
    expect(rate).not.toBeCloseTo(0.02, 3);
    const biases = await started({ label: "rare", weight: "weight" });
    expectClose(biases.get("output.bias")!, [logOdds(rate)]);
  });

  it.each([
    ["", undefined],
    [", times the weights of rows", "weight"],
  ])(
    "at the rate of the kept rows with their weights%s, where negative rows are sampled",
    async (_, weight) => {
      const sampleNegatives = { keep: 0.25, seed: 5 };
      const kept = rows.map(
        ({ rare }, i) => rare === 1 || unitOf(`sample:5:${i + 1}`) < sampleNegatives.keep,
      );
      const rate = share(
        ({ rare }) => rare,
        (row) => {
          if (!kept[rows.indexOf(row)]) return 0;
          return (weight ? row.weight : 1) / (row.rare === 1 ? 1 : sampleNegatives.keep);
        },
      );
      const biases = await started({ label: "rare", weight, sampleNegatives });
      expectClose(biases.get("output.bias")!, [logOdds(rate)]);
      // Without the weights it would start at the rate among the kept rows, about four times as high.
      expect(rate).toBeLessThan(0.5 * (10 / kept.filter(Boolean).length));
    },
  );

  it("at the rate of each of several labels", async () => {
    const biases = await started({ label: ["rare", "often"] });
    expectClose(biases.get("output.bias")!, [logOdds(0.02), logOdds(0.75)]);
  });

  it("at the logarithms of the shares of classes", async () => {
    const loss = { kind: "softmaxCrossEntropy", classes: 4 };
    const biases = await started({ label: "class", train: { loss } });
    const shares = [0, 1, 2].map((c) => share((row) => (row.class === c ? 1 : 0)));
    // No row has the class 3, which counts as half a row.
    expectClose(
      biases.get("output.bias")!,
      [...shares, 0.5 / rows.length].map((s) => Math.log(s)),
    );
  });

  it("at the mean of numbers", async () => {
    const train = { loss: { kind: "squaredError" }, metric: "meanSquaredError" };
    expectClose((await started({ label: "price", train })).get("output.bias")!, [24.5]);
  });

  it("at outputs with these log odds, for a loss with two outputs", async () => {
    const biases = await started({ label: "rare", train: { loss: { kind: "jrc", session: "a" } } });
    const [zero, one] = biases.get("output.bias")!;
    expectClose([one - zero], [logOdds(0.02)]);
  });

  it.each([
    ["logisticRegression", { features: ids }, "linear.bias"],
    ["fm", { features: ids }, "linear.bias"],
    ["deepfm", { wide: { features: ids }, deep: { features: ids, mlp } }, undefined],
    ["wideAndDeep", { wide: { features: ids }, deep: { features: ids, mlp } }, undefined],
    ["dcnV2", { features: ids }, "output.bias"],
    ["mlp", { features: ids, mlp }, "output.bias"],
  ])("in %s", async (kind, settings, name) => {
    const biases = await started({ label: "rare", model: { kind, ...settings } });
    const moved = [...biases].filter(([, [first]]) => Math.abs(first) > 1);
    expect(moved).toHaveLength(1);
    if (name !== undefined) expect(moved[0][0]).toBe(name);
    expectClose(moved[0][1], [logOdds(0.02)]);
  });

  it('at PyTorch\'s values with `initializer: "torch"`', async () => {
    const biases = await started({ label: "rare", train: { initializer: "torch" } });
    expect(Math.abs(biases.get("output.bias")![0])).toBeLessThan(1);
  });
});
