import type { Column, ColumnSet } from "../data/columns.js";
import { type ModelConfig, modelSchema } from "../models/index.js";
import type { FeatureInfo } from "../models/model.js";
import { draw, drawKey, drawUnit } from "../random.js";
import { LABEL_INPUT } from "../train/model-graphs.js";

/** A published model shape with synthetic data: what a benchmark trains and infers. */
export interface Workload {
  readonly name: string;
  readonly model: ModelConfig;
  /** Tables. */
  readonly fields: number;
  /** Rows a table. */
  readonly rows: number;
  /** Numbers a sample. */
  readonly dense: number;
}

const DENSE = "dense";
const fieldName = (field: number): string => `field_${field}`;

function dlrmWorkload(name: string, dim: number, bottom: number[], top: number[], rows: number): Workload {
  const fields = 26;
  const model = modelSchema.parse({
    kind: "dlrm",
    dense: { features: [DENSE], mlp: { hiddenUnits: bottom } },
    sparse: { features: Array.from({ length: fields }, (_, field) => fieldName(field)) },
    embeddingDim: dim,
    final: { hiddenUnits: top },
    archWithSparse: false,
  });
  return { name, model, fields, rows, dense: 13 };
}

/** xDeepFM over the 39 fields of Criteo, its network and its MLP on the same embeddings. */
function xdeepfmWorkload(name: string, dim: number, maps: number[], deep: number[], rows: number): Workload {
  const fields = 39;
  const features = Array.from({ length: fields }, (_, field) => fieldName(field));
  const model = modelSchema.parse({
    kind: "xdeepfm",
    wide: { features, tables: "shared" },
    deep: { features, mlp: { hiddenUnits: deep } },
    embeddingDim: dim,
    cin: { layers: maps },
  });
  return { name, model, fields, rows, dense: 13 };
}

/** DLRM as its authors run it on the Criteo Kaggle data, and as MLPerf runs it; xDeepFM as its paper has it. */
export const WORKLOADS: readonly Workload[] = [
  dlrmWorkload("dlrm-kaggle", 16, [512, 256, 64, 16], [512, 256], 100_000),
  dlrmWorkload("dlrm-mlperf", 128, [512, 256, 128], [1024, 1024, 512, 256], 20_000),
  xdeepfmWorkload("xdeepfm-criteo", 16, [128, 128], [400, 400], 50_000),
];

export function featuresOf({ fields, rows, dense }: Workload): FeatureInfo[] {
  const tables = Array.from({ length: fields }, (_, field): FeatureInfo => {
    const name = fieldName(field);
    return {
      type: "id",
      name,
      embedding: name,
      buckets: rows,
      initializer: { kind: "uniform", low: -0.01, high: 0.01 },
    };
  });
  return [{ type: "f32", name: DENSE, width: dense }, ...tables];
}

/**
 * Synthetic examples: numbers uniform in [0, 1), labels with rate 1/4, and ids of a power law, `floor(rows^u) - 1` with
 * u uniform in [0, 1).
 */
export function examples({ fields, rows, dense }: Workload, count: number): ColumnSet {
  const [idKey, denseKey, labelKey] = [1, 2, 3].map((stream) => drawKey(0, stream, 0));
  const ids = Int32Array.from({ length: count * fields }, (_, i) =>
    Math.min(rows - 1, Math.max(0, Math.floor(rows ** drawUnit(idKey, i)) - 1)),
  );
  const numbers = Float32Array.from({ length: count * dense }, (_, i) => drawUnit(denseKey, i));
  const labels = Float32Array.from({ length: count }, (_, i) => (draw(labelKey, i) < 2 ** 30 ? 1 : 0));
  const columns = new Map<string, Column>([
    [DENSE, { kind: "f32", data: numbers, offset: 0, stride: dense, width: dense }],
    [LABEL_INPUT, { kind: "f32", data: labels, offset: 0, stride: 1, width: 1 }],
  ]);
  for (let field = 0; field < fields; field++) {
    columns.set(fieldName(field), { kind: "id", data: ids, offset: field, stride: fields });
  }
  return { rows: count, columns };
}
