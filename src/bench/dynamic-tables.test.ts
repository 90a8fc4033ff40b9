import { describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { LEARNING_RATES } from "../train/step/apply-optimizers.js";
import { LOGITS, LOSS } from "../train/step/model-graphs.js";
import { prepareWorkload } from "./measure.js";
import { TABLE_KINDS, type TableKind, WORKLOADS } from "./workloads.js";

const IDS = 50;
const BATCH = 32;
const STEPS = 4;

/** The logits and losses of some steps of a workload whose tables have few ids. */
async function train(kind: TableKind) {
  const workload = { ...WORKLOADS[0], tables: WORKLOADS[0].tables.map(() => IDS) };
  const settings = { precision: "fp32", batch: BATCH, seconds: 1, threads: 2, tables: kind } as const;
  const { training, data } = prepareWorkload(workload, chooseBackend().backend, settings);
  const rates = Object.values(LEARNING_RATES).map(
    (name) => [name, new Float32Array(STEPS).fill(0.01)] as const,
  );
  const rows = { columns: data.columns, rows: data.rows, start: 0, count: STEPS * BATCH, batch: BATCH };
  return training.run({ ...rows, seed: 0, firstStep: 0, scalars: new Map(rates), outputs: [LOGITS, LOSS] });
}

describe("the dynamic tables of a workload", () => {
  it("train the same model as fixed ones, bit for bit", async () => {
    const [fixed, dynamic] = await Promise.all(TABLE_KINDS.map(train));
    expect(fixed.get(LOSS)).toHaveLength(STEPS);
    expect(new Set(fixed.get(LOSS)).size).toBe(STEPS);
    expect(dynamic).toEqual(fixed);
  });
});
