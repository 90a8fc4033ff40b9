import { z } from "zod";
import { ConfigError, type ErrorReport } from "../../errors.js";
import { denseEmbeddingSchema } from "../../layers/dense-embedding.js";
import { initializerSchema } from "../../layers/initializer.js";
import { parseExpression } from "../expression.js";

/** The parts of which the schemas of feature kinds are made. */

/** The name of a feature. */
export const featureName = z
  .string()
  .max(128)
  .regex(
    /^[\p{L}_][\p{L}\p{N}_.-]*$/u,
    "a feature name starts with a letter or _ and goes on with letters, digits, _ . -",
  );
export const text = z.string().min(1);
const positive = z.int().positive();
const finite = z.number();

const vocabulary = z.union([
  z.array(text).min(1),
  z.strictObject({
    /** One value a line; empty lines are skipped. */
    file: text,
  }),
  z.strictObject({
    /** Only values that occur so often in the training split. */
    minCount: positive.default(1),
    /** At most so many values, the most frequent. */
    maxSize: positive.optional(),
  }),
]);

/** What every feature with an embedding table says about the table. */
export const tableFields = {
  /** The width of the table's rows; default the model's. */
  dim: positive.max(65_536).optional(),
  /** The table's name, where features share one; default the feature's own. */
  embedding: text.optional(),
  /** How the table starts; default as the model has it. */
  initializer: initializerSchema.optional(),
  /** `false`: the table stays as it starts. */
  trainable: z.boolean().optional(),
  /**
   * How the table keeps its numbers, in memory and in checkpoints; 16-bit numbers are updated in fp32 and rounded
   * stochastically. Default fp32.
   */
  dtype: z.enum(["fp32", "fp16", "bf16"]).optional(),
};

export type TableNumbers = NonNullable<z.output<typeof tableFields.dtype>>;

/** How a value becomes a row of the table: exactly one of `hash`, `buckets`, `vocabulary`. */
export const mappingFields = {
  /** Hash the text into this many rows. */
  hash: positive.max(2 ** 31 - 3).optional(),
  /** The value is an integer below this already. */
  buckets: positive.max(2 ** 31 - 3).optional(),
  /** A row for each value of a list, of a file, or learnt from the training split. */
  vocabulary: vocabulary.optional(),
  /** A value without a row: one shared row, or the row of data is refused. */
  outOfVocabulary: z.enum(["bucket", "refuse"]).default("bucket"),
  /** An integer outside the buckets: one shared row, or the row of data is refused. */
  outOfRange: z.enum(["bucket", "refuse"]).default("refuse"),
};

/** A value that stands for a missing one. */
export const standIn = z.strictObject({
  /** As it would stand in the data. */
  value: z.union([text, z.int()]),
});

/** Of a bag of ids. */
export const bagFields = {
  ...mappingFields,
  /** How the rows of a bag become one. */
  pooling: z.enum(["sum", "mean"]).default("sum"),
  /** Keep the first so many ids of a bag. */
  maxLength: positive.optional(),
  /** A missing bag: an empty one, or the row of data is refused; or a value that stands in every bag without ids. */
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

const normalize = z.union([
  z.enum(["log", "zscore", "minmax"]),
  z.strictObject({
    /** Subtracted from the number. */
    mean: finite,
    /** Divides what is left. */
    std: finite.positive(),
  }),
  z
    .strictObject({
      /** Becomes 0. */
      min: finite,
      /** Becomes 1. */
      max: finite,
    })
    .refine(({ min, max }) => min < max, { message: "min must be below max" }),
  z.strictObject({
    /** A formula of `x`, the number. */
    expression,
  }),
]);

/** Of numbers, or of one number put into ranges. */
export const numberFields = {
  /** What the model reads instead of the raw number. */
  normalize: normalize.optional(),
  /** Default: "bucket" with `boundaries`, "mean" where the mean is learnt or given, else 0 (in raw units). */
  missing: z.union([finite, z.enum(["mean", "bucket", "refuse"])]).optional(),
  /** NaN, infinities and text that is no number: the row of data is refused, or the value is missing. */
  nonFinite: z.enum(["refuse", "impute"]).default("refuse"),
  /** Turn the number into the id of a range; a value equal to a boundary belongs above it. */
  boundaries: z.array(finite).min(1).optional(),
  /** How many numbers a row holds. */
  width: positive.default(1),
  /** Makes the number an embedding in groups that embed their features; a number of width 1 without boundaries. */
  denseEmbedding: denseEmbeddingSchema.optional(),
  ...tableFields,
};

export type Refinement = z.core.$RefinementCtx<unknown>;

export function problem(context: Refinement, path: string | PropertyKey[], message: string): void {
  context.addIssue({ code: "custom", path: typeof path === "string" ? [path] : path, message });
}

/** An expression that cannot be parsed, with the parser's own got, expected and next. */
export function expressionProblem(context: Refinement, path: PropertyKey[], error: unknown): void {
  const report: ErrorReport =
    error instanceof ConfigError
      ? error.report
      : { what: "the expression is nested too deeply", next: "Compute part of it in sql." };
  context.addIssue({ code: "custom", path, message: report.what, params: { ...report } });
}
