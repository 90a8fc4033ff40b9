import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { findLatest, listCheckpoints, type TensorSource, writeCheckpoint } from "../checkpoint/index.js";
import { contentOf } from "../checkpoint/testing.js";
import { permutation } from "../columns/order.js";
import { type Config, resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { CheckpointError } from "../errors.js";
import { narrow, numbersOf } from "../half.js";
import { load } from "../serve/load.js";
import { DivergedError } from "./diverged.js";
import { Parameters } from "./parameters.js";
import { Trainer } from "./trainer.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-divergence-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ROWS = Array.from({ length: 640 }, (_, i) => ({ user: i % 7, price: i % 13, y: i % 7 < 3 ? 1 : 0 }));

function configOf(train: object): Config {
  return resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "user", buckets: 7 },
      { kind: "number", name: "price" },
    ],
    model: { kind: "logisticRegression", features: ["user", "price"] },
    train: { batchSize: 16, seed: 3, threads: 1, checkpoint: { every: 10, keep: 2 }, ...train },
  });
}

let prepared: PreparedData;
beforeAll(async () => {
  const { data, features } = configOf({});
  prepared = await prepareData({ data, features });
});

const { backend } = chooseBackend();

function trainerFor(config: Config, runDir: string, resume = false): Trainer {
  const { features, splits } = prepared;
  return new Trainer({ config, features, train: splits.train, backend, runDir, resume });
}

const sgd = (learningRate: number) => ({
  optimizer: { dense: { kind: "sgd", learningRate }, embedding: { kind: "sgd", learningRate } },
});

async function errorOf(work: Promise<unknown>): Promise<DivergedError> {
  const error = await work.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(DivergedError);
  return error;
}

describe("a run that diverges", () => {
  it("stops, keeps its last sound checkpoint, and saves the rows of the step", async () => {
    const runDir = join(folder, "diverges");
    await trainerFor(configOf({ steps: 60, ...sgd(0.01) }), runDir).run();
    const before = (await findLatest(runDir)).checkpoint!;
    // From here on, every step multiplies the weights of the price.
    const config = configOf({
      steps: 5000,
      ...sgd(1e30),
      loss: { kind: "squaredError" },
      metric: "meanSquaredError",
    });
    const error = await errorOf(trainerFor(config, runDir, true).run());
    const { checkpoint } = await findLatest(runDir, { checksums: true });
    expect(checkpoint!.manifest.step).toBe(before.manifest.step);
    expect(error.step).toBeGreaterThan(60);

    const file = readdirSync(runDir).find((name) => name.startsWith("diverged-step-"))!;
    expect(error.message).toContain(join(runDir, file));
    const rows = readFileSync(join(runDir, file), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [step, epoch] = [error.step! % 40, Math.floor(error.step! / 40)];
    const rowAt = permutation(ROWS.length, { seed: 3, epoch });
    const expected = Array.from({ length: 16 }, (_, i) => rowAt(step * 16 + i));
    expect(rows).toEqual(
      expected.map((row) =>
        expect.objectContaining({ "@row": row, user: row % 7, price: row % 13, "@label": ROWS[row].y }),
      ),
    );
  });

  it("stops within 100 steps when the loss has risen tenfold, with the checkpoints of before", async () => {
    const runDir = join(folder, "rises");
    const loss = { loss: { kind: "squaredError" }, metric: "meanSquaredError" };
    await trainerFor(configOf({ steps: 400, ...sgd(0.001), ...loss }), runDir).run();
    // A step overshoots the minimum of the price's weight by a little more than it was away from it.
    const checkpoint = { every: 5, keep: 1 };
    const config = configOf({ steps: 5000, ...sgd(0.025), ...loss, checkpoint });
    const error = await errorOf(trainerFor(config, runDir, true).run());
    expect(error.report.what).toBe("the training loss has risen far above its average");
    expect(error.step).toBeLessThan(500);
    expect((await findLatest(runDir, { checksums: true })).rejected).toEqual([]);
    // The loss has been high for 30 steps; none of the checkpoints since then has replaced the one of before.
    const [oldest] = await listCheckpoints(runDir);
    expect(oldest.manifest.step).toBeLessThanOrEqual(error.step! - 29);

    // The error names the key with which the run goes on, if the loss is right.
    expect(error.report.next).toContain("set train.stopOnDivergence: false and continue with --resume");
    const steps = error.step! + 20;
    const unwatched = configOf({ ...config.train, epochs: undefined, steps, stopOnDivergence: false });
    const { position } = await trainerFor(unwatched, runDir, true).run();
    expect(position.step).toBe(steps);
    expect((await listCheckpoints(runDir)).length).toBeLessThan(3);
  });
});

describe("numbers that are not finite", () => {
  it.each(["fp32", "fp16", "bf16"] as const)("are never saved: %s", async (dtype) => {
    const init = { kind: "constant", value: 0 } as const;
    const attrs = { name: "table", shape: [50, 4], role: "table", init, trainable: true, dtype } as const;
    const parameters = new Parameters(backend, [attrs]);
    parameters.initialize(1);
    const run = join(folder, `poisoned-${dtype}`);
    const save = (step: number) =>
      writeCheckpoint(run, {
        ...contentOf(step),
        model: parameters.sources("model"),
        optimizer: new Map(),
        tables: parameters.tables(),
      });
    await save(1);
    const infinity = numbersOf(dtype, 1);
    if (infinity instanceof Float32Array) infinity[0] = Number.POSITIVE_INFINITY;
    else narrow(Float32Array.of(1e39), infinity, dtype as "fp16");
    parameters.memory.get("table")!.write(137, infinity);
    await expect(save(2)).rejects.toThrow(/table: a number of the model is no longer finite/);
    expect(readdirSync(join(run, "checkpoints"))).toEqual(["step-00000001"]);
  });

  /** A checkpoint that another program wrote. */
  async function poisoned(name: string, rows: number, value: number, bias = 0): Promise<string> {
    const config = resolveConfig({
      ...configOf({}),
      features: [{ kind: "id", name: "user", buckets: rows }],
      model: { kind: "logisticRegression", features: ["user"] },
    });
    const { features } = await prepareData({ data: config.data, features: config.features });
    const data = new Float32Array(rows + 1).fill(0.5);
    data[rows - 1] = value;
    const tensors: [string, TensorSource][] = [
      ["linear.user.weight", { dtype: "F32", shape: [rows + 1, 1], data }],
      ["linear.bias", { dtype: "F32", shape: [1], data: Float32Array.of(bias) }],
    ];
    const run = join(folder, name);
    const content = { ...contentOf(1), reader: {}, trainer: {}, config, features };
    await writeCheckpoint(run, {
      ...content,
      model: new Map(tensors),
      optimizer: new Map(),
      tables: [{ name: "linear.user.weight", states: [] }],
    });
    return run;
  }

  it.each([
    ["copied", 10],
    ["mapped", 400_000],
  ])("are refused by load, in a table that is %s", async (name, rows) => {
    for (const value of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const loaded = load(await poisoned(`${name}-${value}`, rows, value));
      await expect(loaded).rejects.toThrow(CheckpointError);
      await expect(loaded).rejects.toThrow(
        /linear\.user\.weight: the checkpoint has weights that are not finite/,
      );
    }
  });

  it("are an error of a prediction", async () => {
    const model = await load(await poisoned("overflow", 10, 3e38, 3e38));
    expect(Array.from(model.predict([{ user: 0 }]))).toEqual([1]);
    expect(() => model.predict([{ user: 0 }, { user: 9 }])).toThrow(
      /rows\[1\]: the model's prediction is not a finite number/,
    );
  });
});
