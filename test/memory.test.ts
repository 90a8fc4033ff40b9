import { describe, expect, it } from "vitest";
import { nativeBackend } from "../src/backends/native/backend.js";
import { prepareWorkload } from "../src/bench/measure.js";
import { examples, type Workload } from "../src/bench/workloads.js";
import { modelSchema } from "../src/models/index.js";
import { loadAddon } from "../src/native/addon.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";

const loaded = loadAddon();
const STEPS_PER_CALL = 1000;
const CALLS = 100;
const BATCH = 8;

/** A DLRM small enough for a hundred thousand steps in seconds, with everything that could hold on to memory. */
const workload: Workload = {
  name: "small",
  model: modelSchema.parse({
    kind: "dlrm",
    dense: { features: ["dense"], mlp: { hiddenUnits: [8, 4] } },
    sparse: { features: ["field_0", "field_1"] },
    embeddingDim: 4,
    final: { hiddenUnits: [8], dropout: 0.1 },
  }),
  tables: [100, 100],
  dense: 3,
};

describe.skipIf(!loaded.addon)("memory (skipped without the native core)", () => {
  it("does not grow over 100,000 training steps", async () => {
    const settings = { precision: "fp32" as const, batch: BATCH, seconds: 0, threads: 2 };
    const { training } = prepareWorkload(workload, nativeBackend(loaded.addon!), settings);
    const data = examples(workload, STEPS_PER_CALL * BATCH);
    const rates = new Float32Array(STEPS_PER_CALL).fill(0.001);
    const scalars = new Map(Object.values(LEARNING_RATES).map((name) => [name, rates]));
    const call = (index: number) =>
      training.run({
        columns: data.columns,
        rows: data.rows,
        start: 0,
        count: data.rows,
        batch: BATCH,
        shuffle: { seed: 1, epoch: index },
        seed: 1,
        firstStep: index * STEPS_PER_CALL,
        scalars,
      });
    // The first calls fill caches and let the collector find its size.
    for (let index = 0; index < CALLS / 4; index++) await call(index);
    const before = process.memoryUsage();
    for (let index = CALLS / 4; index < CALLS; index++) await call(index);
    const after = process.memoryUsage();
    const mebibytes = 2 ** 20;
    // 75,000 steps that each leaked one row of logits would leave 2.4 MB; results of 75 calls are garbage by then.
    expect((after.rss - before.rss) / mebibytes).toBeLessThan(32);
    expect(after.external - before.external).toBeLessThan(8 * mebibytes);
  });
});
