import { z } from "zod";
import { ConfigError, type ErrorReport } from "../../errors.js";
import { denseEmbeddingSchema } from "../../layers/dense-embedding.js";
import { COMPOSITIONS, type Composition } from "../../layers/embedding-layer.js";
import { initializerSchema } from "../../layers/initializer.js";
import { parseExpression } from "../expression.js";
import { dynamicSchema } from "./dynamic-table.js";
import { storeSchema } from "./store.js";

/** Building blocks of the feature schemas. */

/** The name of a feature. */
export const featureName = z
  .string()
  .max(128)
  .regex(
    /^[\p{L}_][\p{L}\p{N}_.-]*$/u,
    "a feature name starts with a letter or _, followed by letters, digits, _ . -",
  );
export const text = z.string().min(1);
const positive = z.int().positive();
const finite = z.number();

const vocabulary = z.union([
  z.array(text).min(1),
  z.strictObject({
    /** One value per line; empty lines are skipped. */
    file: text,
  }),
  z.strictObject({
    /** Minimum number of occurrences in the training split. */
    minCount: positive.default(1),
    /** Maximum number of values; the most frequent are kept. */
    maxSize: positive.optional(),
    /**
     * `train --continue` gives rows to new values that occur `minCount` times in a stretch, up to `maxSize`. By default a
     * value that the first training did not know stays unknown.
     */
    grow: z.boolean().optional(),
  }),
]);

/** Table settings of every feature with an embedding table. */
export const tableFields = {
  /** Embedding dimension of the table; default the model's. */
  dim: positive.max(65_536).optional(),
  /** The table's name, to share it between features; default the feature's name. */
  embedding: text.optional(),
  /** Initial values of the table; default the model's. */
  initializer: initializerSchema.optional(),
  /** `false` freezes the table at its initial values. */
  trainable: z.boolean().optional(),
  /**
   * Number format of the table in memory and checkpoints. 16-bit weights are updated in fp32 and rounded
   * stochastically. Default fp32.
   */
  dtype: z.enum(["fp32", "fp16", "bf16"]).optional(),
  /** For training with a table larger than memory: the rows that do not fit are in a file. */
  store: storeSchema.optional(),
};

/** The keys of {@link tableFields} that are settings of the table: they change the model, and no value of the packed data. */
export const TABLE_SETTINGS = ["dim", "initializer", "trainable", "dtype", "store"] as const;

type TableSettings = Pick<z.output<z.ZodObject<typeof tableFields>>, (typeof TABLE_SETTINGS)[number]>;

/** The settings of its table that a feature gives. */
export function tableSettingsOf(feature: TableSettings): TableSettings {
  return Object.fromEntries(
    TABLE_SETTINGS.flatMap((key) => (feature[key] === undefined ? [] : [[key, feature[key]]])),
  );
}

/** The keys of {@link mappingFields} of which a feature has exactly one. */
export const MAPPINGS = ["hash", "buckets", "vocabulary", "dynamic"] as const;

export type TableNumbers = NonNullable<z.output<typeof tableFields.dtype>>;

/** The largest table, with a row each for unknown and for missing values. */
const MAX_VALUE_ROWS = 2 ** 40 - 2;

const composedHash = z.strictObject({
  /** Hash the text to this many ids. */
  size: positive.max(MAX_VALUE_ROWS),
  /** One table for the quotient of the id and one for the remainder, each with about sqrt(size) rows. */
  tables: z.literal(2).default(2),
  /** How the two vectors become one: their sum, their product, or one after the other with half of the numbers each. */
  combine: z.enum(COMPOSITIONS),
});

/** The number of ids of a hash. */
export function hashSize(hash: number | z.output<typeof composedHash>): number {
  return typeof hash === "number" ? hash : hash.size;
}

/** How the vectors of a feature with a hash are made of two tables; undefined if there is one table, or no hash. */
export function compositionOf(feature: object): Composition | undefined {
  const { hash } = feature as { hash?: unknown };
  return typeof hash === "object" ? (hash as z.output<typeof composedHash>).combine : undefined;
}

/** How a value becomes a row of the table: exactly one of `hash`, `buckets`, `vocabulary`, `dynamic`. */
export const mappingFields = {
  /** Hash the text to this many rows, or to ids whose vectors are made of two small tables. */
  hash: z.union([positive.max(MAX_VALUE_ROWS), composedHash]).optional(),
  /** Use the value, an integer below this, as the row. */
  buckets: positive.max(MAX_VALUE_ROWS).optional(),
  /** One row for each value of a list, of a file, or learned from the training split. */
  vocabulary: vocabulary.optional(),
  /** Texts that are read as a value of the vocabulary, which is listed or in a file: `{ nyc: "new york" }`. */
  synonyms: z.record(text, text).optional(),
  /** Rows for the values that training meets, up to a capacity. */
  dynamic: dynamicSchema.optional(),
  /** Values without a row: share one row, or the row of data is refused. */
  outOfVocabulary: z.enum(["bucket", "refuse"]).default("bucket"),
  /** Integers outside the buckets: share one row, or the row of data is refused. */
  outOfRange: z.enum(["bucket", "refuse"]).default("refuse"),
};

/** A value that replaces a missing one. */
export const standIn = z.strictObject({
  /** In the form it has in the data. */
  value: z.union([text, z.int()]),
});

/** Fields of a bag of ids. */
export const bagFields = {
  ...mappingFields,
  /** How the embeddings of a bag are pooled. */
  pooling: z.enum(["sum", "mean"]).default("sum"),
  /** Keep only the first ids of a bag, up to this number. */
  maxLength: positive.optional(),
  /** A missing bag: empty, or the row is refused, or a value that is put into every bag without ids. */
  missing: z.union([z.enum(["empty", "refuse"]), standIn]).default("empty"),
  ...tableFields,
};

const expression = z.string().superRefine((source, context) => {
  try {
    parseExpression(source, ["x"]);
  } catch (error) {
    expressionProblem(context, [], error);
  }
});

const boundaries = z.union([
  z.array(finite).min(1),
  z.strictObject({
    /** Learn boundaries from the training split: for up to this many ranges, with about equally many rows each. */
    quantiles: z.int().min(2).max(65_536),
  }),
]);

const givenNormalize = [
  z.strictObject({
    /** Subtracted from the number. */
    mean: finite,
    /** The difference is divided by this. */
    std: finite.positive(),
  }),
  z
    .strictObject({
      /** Maps to 0. */
      min: finite,
      /** Maps to 1. */
      max: finite,
    })
    .refine(({ min, max }) => min < max, { message: "min must be below max" }),
  z.strictObject({
    /** A formula of `x`, the number. */
    expression,
  }),
] as const;

export const normalize = z.union([z.enum(["log", "zscore", "minmax"]), ...givenNormalize]);

/** NaN, infinities and non-numeric text: the row of data is refused, or the value is missing. */
export const nonFinite = z.enum(["refuse", "impute"]);

/** Fields of a feature that reads numbers, or one number mapped to ranges. */
export const numberFields = {
  /** How the raw number is transformed for the model. */
  normalize: normalize.optional(),
  /**
   * Default: "bucket" with `boundaries`; "mean" if the mean is learned or given; else 0 (in raw units). A list is the vector
   * that replaces a missing one.
   */
  missing: z.union([finite, z.array(finite), z.enum(["mean", "bucket", "refuse"])]).optional(),
  /** NaN, infinities and non-numeric text: the row of data is refused, or the value is missing. */
  nonFinite: nonFinite.default("refuse"),
  /** Map the number to the id of a range; a value equal to a boundary belongs to the range above it. */
  boundaries: boundaries.optional(),
  /** Numbers per row. */
  width: positive.default(1),
  /** Embeds the number in groups that embed their features; `mlp` embeds vectors too. Not with boundaries. */
  denseEmbedding: denseEmbeddingSchema.optional(),
  ...tableFields,
};

export type Refinement = z.core.$RefinementCtx<unknown>;

export function problem(context: Refinement, path: string | PropertyKey[], message: string): void {
  context.addIssue({ code: "custom", path: typeof path === "string" ? [path] : path, message });
}

/** Reports an expression that cannot be parsed, with the parser's got, expected and next. */
export function expressionProblem(context: Refinement, path: PropertyKey[], error: unknown): void {
  const report: ErrorReport =
    error instanceof ConfigError
      ? error.report
      : { what: "the expression is nested too deeply", next: "Compute part of it in sql." };
  context.addIssue({ code: "custom", path, message: report.what, params: { ...report } });
}
