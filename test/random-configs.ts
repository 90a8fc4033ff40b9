import fc from "fast-check";
import { expect } from "vitest";
import { z } from "zod";
import type { Column, Ids } from "../src/columns/columns.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { ConfigError } from "../src/errors.js";
import { KEYS } from "../src/graph/translation.js";
import { kindOf } from "../src/kinds.js";
import type { CategoricalFeature } from "../src/layers/embedding-layer.js";
import { mlpSchema } from "../src/layers/mlp.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { featureGroup } from "../src/models/schema.js";
import { sectionOf } from "../src/models/testing.js";
import { drawKey, drawUnit } from "../src/random.js";
import { configuredFeatureInfos } from "../src/train/feature-info.js";

/** Combinations of features, groups and models that nobody thought of, and rows for them. */

export const ROWS = 24;
/** Ids below this occur; of dynamic tables, this number of ids. */
const BUCKETS = 5;
const KEY_COUNT = 45;

export type Json = Record<string, unknown>;
export type Generate = fc.GeneratorValue;

const FEATURES: readonly Json[] = [
  { kind: "id", name: "user", hash: 50 },
  { kind: "id", name: "item", hash: 50 },
  { kind: "id", name: "wide_id", hash: 50, dim: 3 },
  { kind: "id", name: "seen", hash: 50, embedding: "item" },
  { kind: "ids", name: "tags", hash: 50, pooling: "mean" },
  { kind: "number", name: "price" },
  { kind: "number", name: "history", width: 3 },
  { kind: "number", name: "profile", width: 3, denseEmbedding: { kind: "mlp" } },
  { kind: "number", name: "hour", boundaries: [6, 12] },
  { kind: "number", name: "age", denseEmbedding: { kind: "autoDis", channels: 3, temperature: 0.5 } },
  { kind: "number", name: "height", denseEmbedding: { kind: "mlp" } },
  {
    kind: "number",
    name: "weight",
    denseEmbedding: { kind: "piecewiseLinear", bins: 3 },
  },
  { kind: "number", name: "angle", denseEmbedding: { kind: "periodic", frequencies: 2, sigma: 1 } },
  { kind: "sequence", name: "clicked", sequence: "clicks", max: 9, hash: 50, embedding: "item" },
  { kind: "sequence", name: "clicked_shops", sequence: "clicks", max: 9, hash: 50 },
  { kind: "sequence", name: "clicked_prices", sequence: "clicks", max: 9, number: { normalize: "log" } },
  { kind: "ages", name: "clicked_ages", sequence: "clicks", max: 9, column: "times", time: "now", dim: 2 },
  { kind: "entryBags", name: "clicked_tags", sequence: "clicks", max: 9, hash: 50, dim: 2 },
  { kind: "sequence", name: "viewed", hash: 50, embedding: "wide_id", dim: 3 },
  { kind: "sequence", name: "bought", hash: 50, embedding: "item", max: 7 },
  { kind: "joined", name: "which", columns: ["clicked", "bought"], newest: [9, 7], dim: 2 },
];

/** Tables of ids: dynamic ones, some of which are full, and those made of two. */
const TABLES: readonly Json[] = [
  { hash: 50 },
  { dynamic: { capacity: 60 } },
  { dynamic: { capacity: 36, evict: "lfu", unknown: "shared" } },
  { dynamic: { capacity: 60, admit: { count: 2 }, unknown: { kind: "normal", std: 0.1 } } },
  { dynamic: { capacity: 36 }, dtype: "bf16" },
  { hash: { size: 40, combine: "add" } },
  { hash: { size: 40, combine: "concat" } },
  { hash: { size: 40, combine: "multiply" } },
];

const IN_ENTRIES = ["sequence", "entryBags"];

/** The features, with tables of a random kind. Those that share a table have the same, and sequences have single ones. */
export function withRandomTables(g: Generate): Json[] {
  const tableOf = ({ embedding, name }: Json) => embedding ?? name;
  const single = new Set(FEATURES.filter(({ kind }) => IN_ENTRIES.includes(kind as string)).map(tableOf));
  const tables = new Map<unknown, Json>();
  return FEATURES.map(({ hash, ...feature }) => {
    if (hash === undefined) return feature;
    const table = tableOf(feature);
    const possible = single.has(table) ? TABLES.filter((each) => typeof each.hash !== "object") : TABLES;
    if (!tables.has(table)) tables.set(table, pick(g, ...possible));
    return { ...feature, ...tables.get(table) };
  });
}

/** Features that can be compared with columns of a sequence, and some that cannot. */
const COMPARED: readonly Json[] = [
  { query: ["item"], columns: ["clicked"] },
  { query: ["user", "seen"], columns: ["clicked", "clicked_shops"] },
  { query: ["item"], columns: ["clicked", "clicked_shops"] },
  { query: ["wide_id"], columns: ["viewed"] },
  { query: ["user"], columns: ["clicked", "clicked_prices", "clicked_ages"] },
  { query: ["user"], columns: ["clicked", "clicked_tags"] },
  { query: ["user"], columns: ["clicked"], joined: { columns: ["bought"], by: "which" } },
  { query: ["item"], columns: ["viewed"], joined: { columns: ["bought"], by: "which" } },
  { query: ["price"], columns: ["clicked"] },
];

/** Vectors of sequences. */
function sequences(g: Generate): Json[] {
  const encoder = () => {
    const { query, ...entries } = pick(g, ...COMPARED);
    return pick<Json>(
      g,
      { kind: "pooling", ...entries, pooling: pick(g, "sum", "mean") },
      { kind: "newest", ...entries, count: pick(g, 1, 3) },
      { kind: "dotAttention", query, ...entries },
      { kind: "din", query, ...entries, mlp: { hiddenUnits: pick(g, [3], [4, 2]) } },
    );
  };
  return Array.from({ length: pick(g, 1, 2) }, encoder);
}

const LIKELY = ["user", "item", "seen", "tags", "hour", "age", "height", "weight", "angle", "profile"];
const NUMBERS = ["price", "history"];

/** Mostly embedded features, sometimes plain numbers, sometimes any that groups may have, and some that they may not. */
function group(g: Generate): string[] {
  const names = FEATURES.filter(({ kind }) => kind !== "entryBags").map(({ name }) => name as string);
  const from = pick(g, LIKELY, LIKELY, NUMBERS, names);
  return g(() => fc.subarray(from, { minLength: 1 }));
}

const SETTINGS = [
  { kind: "prelu", shared: true },
  { kind: "dice", affine: false },
  { kind: "leakyRelu", slope: 0.2 },
];

export const pick = <T>(g: Generate, ...choices: T[]): T => g(() => fc.constantFrom(...choices));
const mlp = (g: Generate): Json => ({
  hiddenUnits: pick(g, [4], [5, 3]),
  activation: pick<unknown>(g, "relu", "gelu", "prelu", "dice", ...SETTINGS),
  norm: pick(g, "none", "batch", "layer"),
  dropout: pick(g, 0, 0.5),
});

/** Keys that features and tables elsewhere would have to fit. */
const UNSET = ["embeddingSuffix", "initializer"];

/** A random config of a model, from its schema. */
const modelOf = (schema: z.ZodType, g: Generate) =>
  sectionOf(schema, {
    pick: (...choices) => pick(g, ...choices),
    isSet: (key) => !UNSET.includes(key) && g(fc.boolean),
    valueOf: (key, asked) => {
      if (asked === featureGroup) return group(g);
      if (asked === mlpSchema) return mlp(g);
      if (asked instanceof z.ZodString) return pick(g, ...LIKELY);
      if (key === "embeddingDim") return 4;
      if (key === "sequences") return sequences(g);
      return undefined;
    },
  });

/** Their eps is large: with a small one the sign of a gradient that cancels to nothing moves a weight by a whole step. */
const OPTIMIZER = {
  dense: { kind: "adam", eps: 1e-3 },
  embedding: { kind: "rowWiseAdagrad", learningRate: 0.01, eps: 1e-3 },
};

const SCHEMAS = new Map(modelSchema.options.map((schema) => [kindOf({ schema }), schema]));
export const MODEL_KINDS: readonly string[] = [...SCHEMAS.keys()];

/** The config, or undefined where it is refused for a reason that names a place in it. */
export function randomConfig(
  kind: string,
  g: Generate,
  label: string[],
  featuresOf: (g: Generate) => readonly Json[] = () => FEATURES,
): Config | undefined {
  const model = modelOf(SCHEMAS.get(kind)!, g);
  try {
    const data = { train: { path: "none.csv" }, label };
    return resolveConfig({ data, features: featuresOf(g), model, train: { optimizer: OPTIMIZER } });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).report.where).toMatch(/^model/);
    return undefined;
  }
}

export function infos(config: Config): FeatureInfo[] {
  return configuredFeatureInfos(config.features).map((info) =>
    info.kind === "number" ? info : { ...info, rows: BUCKETS },
  );
}

export function columnsOf(features: readonly FeatureInfo[], labels: number): Map<string, Column> {
  const key = drawKey(5, 5, 5);
  let draws = 0;
  const unit = (): number => drawUnit(key, draws++);
  const numbers = (width: number): Column => {
    const data = Float32Array.from({ length: ROWS * width }, unit);
    return { kind: "number", data, offset: 0, stride: width, width };
  };
  const ids = (length: number, { translation, rows }: CategoricalFeature): Ids => {
    const draws = Float64Array.from({ length }, unit);
    if (translation?.ids !== KEYS)
      return Int32Array.from(draws, (x) => Math.floor(x * Math.min(rows, BUCKETS)));
    // Negative and large keys, more of them than a small table has room for.
    return BigInt64Array.from(draws, (x) => BigInt(Math.floor(x * KEY_COUNT) - 9) * 0x123456789abn);
  };
  const label = numbers(labels) as { data: Float32Array };
  const offsetsOf = new Map<string, BigUint64Array>();
  const columns = new Map<string, Column>([
    ["@label", { ...label, data: label.data.map(Math.round) } as Column],
  ]);
  for (const feature of features) {
    if (feature.kind === "number") columns.set(feature.name, numbers(feature.width));
    else if (feature.kind === "id")
      columns.set(feature.name, { kind: "id", data: ids(ROWS, feature), offset: 0, stride: 1 });
    else {
      const name = feature.sequence ?? "";
      const both = ["clicks", "bought"].map((sequence) => offsetsOf.get(sequence)!);
      const drawn = () => positions(name === "" ? () => 2 : () => Math.floor(4 * unit()));
      const offsets = offsetsOf.get(name) ?? (name === "which" ? sums(both[0], both[1]) : drawn());
      offsetsOf.set(name, offsets);
      const count = Number(offsets[ROWS]);
      const weights = feature.numbers && { weights: Float32Array.from({ length: count }, unit) };
      columns.set(feature.name, { kind: "ids", values: ids(count, feature), offsets, ...weights });
    }
  }
  return columns;
}

/** Where each row of a joined sequence begins. */
const sums = (a: BigUint64Array, b: BigUint64Array): BigUint64Array => a.map((offset, i) => offset + b[i]);

/** Where each row begins whose length is drawn. */
function positions(length: () => number): BigUint64Array {
  const offsets = new BigUint64Array(ROWS + 1);
  for (let row = 0; row < ROWS; row++) offsets[row + 1] = offsets[row] + BigInt(length());
  return offsets;
}
