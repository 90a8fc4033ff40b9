import { featuresOf } from "../src/bench/workloads.js";
import { exportOnnx } from "../src/export/onnx/export-onnx.js";
import type { Precision } from "../src/graph/precision.js";
import type { ModelConfig } from "../src/models/index.js";
import { selectBackend } from "../src/saved/backend.js";
import { findCheckpoint } from "../src/saved/find-checkpoint.js";
import { openModel } from "../src/saved/model.js";
import { saveInitial } from "../src/serve/testing.js";
import { workloadOf } from "./figure.js";

const NUMBERS = 13;
const numberNames = Array.from({ length: NUMBERS }, (_, i) => `number_${i}`);
const NORMALIZED = { mean: 0.5, std: 0.3 };

export const isNumberName = (name: string): boolean => numberNames.includes(name);

/** What the model gets for a number. */
export const transformed = (number: number): number => (number - NORMALIZED.mean) / NORMALIZED.std;

/** dlrm-kaggle as a config of columns, 13 numbers and 26 ids, saved as a run with its initial weights. */
export const saveUntrained = (folder: string, precision: Precision = "fp32"): Promise<void> =>
  saveInitial(folder, { ...configOf(), train: { precision } }, 0);

export function rowsOf(count: number): Record<string, number>[] {
  const { tables } = workloadOf("dlrm-kaggle");
  return Array.from({ length: count }, (_, row) => ({
    ...Object.fromEntries(numberNames.map((name, i) => [name, ((row + i) % 10) / 10])),
    ...Object.fromEntries(tables.map((rows, i) => [`field_${i}`, (row * 7919 + i * 104_729) % (rows - 2)])),
  }));
}

/** Writes the model of a run for onnxruntime. */
export async function exportForOnnx(folder: string, path: string): Promise<void> {
  const { backend } = selectBackend();
  await exportOnnx(await openModel(await findCheckpoint(folder), { backend, maxBatch: 1 }), path);
}

/** The ids of the user in a request to rank: with the 13 numbers, half of the columns. */
const HALF = 7;

/** A request to rank the given number of items: the numbers and the first ids are the user's. */
export function rankRequest(items: number, ids = HALF) {
  const rows = rowsOf(items);
  const isShared = (name: string) => isNumberName(name) || Number(name.split("_")[1]) < ids;
  const part = (row: Record<string, number>, shared: boolean) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => isShared(name) === shared));
  return { user: part(rows[0], true), items: rows.map((row) => part(row, false)) };
}

function configOf(): object {
  const workload = workloadOf("dlrm-kaggle");
  const ids = featuresOf(workload).flatMap((feature) => (feature.kind === "id" ? [feature] : []));
  const model = workload.model as Extract<ModelConfig, { kind: "dlrm" }>;
  return {
    data: { train: { path: "none.csv" }, label: "label" },
    features: [
      ...numberNames.map((name) => ({ kind: "number", name, normalize: NORMALIZED })),
      ...ids.map(({ name, rows }) => ({ kind: "id", name, buckets: rows })),
    ],
    model: { ...model, dense: { ...model.dense, features: numberNames } },
  };
}
