import { type Column, type ColumnSet, LABEL_COLUMN } from "../columns/columns.js";
import { KEYS } from "../graph/translation.js";
import { type ModelConfig, type ModelInput, modelSchema } from "../models/index.js";
import type { FeatureInfo } from "../models/model.js";
import { draw, drawKey, drawUnit } from "../random.js";

/** A published model shape with synthetic data, for benchmarks; plain JSON. */
export interface Workload {
  readonly name: string;
  readonly model: ModelConfig;
  /** Rows of each table. */
  readonly tables: readonly number[];
  /** Numbers per sample. */
  readonly dense: number;
}

const DENSE = "dense";
export const fieldName = (field: number): string => `field_${field}`;

/** Names for `count` fields. */
function fieldNames(count: number): string[] {
  return Array.from({ length: count }, (_, field) => fieldName(field));
}

/** The numbers and tables of the Criteo Kaggle data. */
const NUMBERS = 13;
const TABLES = 26;
const FIELDS = fieldNames(TABLES);

function workload(name: string, model: ModelInput, tables: readonly number[]): Workload {
  return { name, model: modelSchema.parse(model), tables, dense: NUMBERS };
}

/** `count` tables with the same number of rows. */
export function equalTables(count: number, rows: number): number[] {
  return Array.from({ length: count }, () => rows);
}

function dlrm(dim: number, bottom: number[], top: number[]): ModelInput {
  return {
    kind: "dlrm",
    dense: { features: [DENSE], mlp: { hiddenUnits: bottom } },
    sparse: { features: FIELDS },
    embeddingDim: dim,
    final: { hiddenUnits: top },
    archWithSparse: false,
  };
}

/** xDeepFM over the 39 fields of Criteo, with CIN and MLP on the same embeddings. */
function xdeepfm(dim: number, maps: number[], deep: number[]): ModelInput {
  const features = fieldNames(NUMBERS + TABLES);
  return {
    kind: "xdeepfm",
    wide: { features, tables: "shared" },
    deep: { features, mlp: { hiddenUnits: deep } },
    embeddingDim: dim,
    cin: { layers: maps },
  };
}

/** DeepFM over `fields` fields, with the numbers in its MLP. */
export function deepfm(fields: number, dim: number, deep: number[]): ModelInput {
  const features = fieldNames(fields);
  return {
    kind: "deepfm",
    wide: { features, embeddingDim: 1 },
    deep: { features: [DENSE, ...features], mlp: { hiddenUnits: deep } },
    embeddingDim: dim,
  };
}

function dcnV2(dim: number, layers: number, deep: number[]): ModelInput {
  return {
    kind: "dcnV2",
    features: [DENSE, ...FIELDS],
    embeddingDim: dim,
    cross: { layers },
    deep: { hiddenUnits: deep },
  };
}

function wukong(dim: number, layers: number, fieldsOut: number, rank: number, hidden: number[]): ModelInput {
  const layer = { linearFields: fieldsOut, interactionFields: fieldsOut, rank, mlp: { hiddenUnits: hidden } };
  return {
    kind: "wukong",
    dense: { features: [DENSE], mlp: { hiddenUnits: [512, 256, dim] } },
    sparse: { features: FIELDS },
    embeddingDim: dim,
    layers: Array.from({ length: layers }, () => layer),
    final: { hiddenUnits: [512, 256] },
  };
}

/**
 * DLRM with the settings of its authors for the Criteo Kaggle data, and those of MLPerf; xDeepFM and DeepFM with the layers
 * of their papers; DCN-v2 and WuKong with sizes from their papers' search ranges. The last three use the tables of
 * dlrm-kaggle.
 */
export const WORKLOADS: readonly Workload[] = [
  workload("dlrm-kaggle", dlrm(16, [512, 256, 64, 16], [512, 256]), equalTables(TABLES, 100_000)),
  workload("dlrm-mlperf", dlrm(128, [512, 256, 128], [1024, 1024, 512, 256]), equalTables(TABLES, 20_000)),
  workload("xdeepfm-criteo", xdeepfm(16, [128, 128], [400, 400]), equalTables(NUMBERS + TABLES, 50_000)),
  workload("deepfm-criteo", deepfm(TABLES, 16, [400, 400, 400]), equalTables(TABLES, 100_000)),
  workload("dcnv2-criteo", dcnV2(16, 3, [768, 768]), equalTables(TABLES, 100_000)),
  workload("wukong-criteo", wukong(16, 2, 16, 24, [256]), equalTables(TABLES, 100_000)),
];

/** How ids get rows: an id is its row, or a key of a dynamic table with room for all of them. */
export const TABLE_KINDS = ["fixed", "dynamic"] as const;
export type TableKind = (typeof TABLE_KINDS)[number];

export function featuresOf({ tables, dense }: Workload, kind: TableKind = "fixed"): FeatureInfo[] {
  const ids = tables.map((ids, field): FeatureInfo => {
    const name = fieldName(field);
    return {
      kind: "id",
      name,
      table: name,
      ...(kind === "fixed" ? { rows: ids } : { rows: ids + 1, translation: { ids: KEYS } }),
      initializer: { kind: "uniform", low: -0.01, high: 0.01 },
    };
  });
  return [{ kind: "number", name: DENSE, width: dense }, ...ids];
}

/**
 * Synthetic examples: numbers uniform in [0, 1), a quarter of the labels positive, and ids with a power law,
 * `floor(rows^u) - 1` with u uniform in [0, 1).
 */
export function examples({ tables, dense }: Workload, count: number, kind: TableKind = "fixed"): ColumnSet {
  const [idKey, denseKey, labelKey] = [1, 2, 3].map((stream) => drawKey(0, stream, 0));
  const fields = tables.length;
  const ids = new Int32Array(count * fields);
  for (let i = 0; i < ids.length; i++) {
    const rows = tables[i % fields];
    ids[i] = Math.min(rows - 1, Math.max(0, Math.floor(rows ** drawUnit(idKey, i)) - 1));
  }
  const numbers = new Float32Array(count * dense).map((_, i) => drawUnit(denseKey, i));
  const labels = new Float32Array(count).map((_, i) => (draw(labelKey, i) < 2 ** 30 ? 1 : 0));
  const columns = new Map<string, Column>([
    [DENSE, { kind: "number", data: numbers, offset: 0, stride: dense, width: dense }],
    [LABEL_COLUMN, { kind: "number", data: labels, offset: 0, stride: 1, width: 1 }],
  ]);
  const data = kind === "fixed" ? ids : BigInt64Array.from(ids, BigInt);
  tables.forEach((_, field) => {
    columns.set(fieldName(field), { kind: "id", data, offset: field, stride: fields });
  });
  return { rows: count, columns };
}
