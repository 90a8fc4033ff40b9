import { z } from "zod";
import { parseExpression } from "../features/expression.js";

/** The parts of which the schemas of feature kinds are made. */

export const featureName = z
  .string()
  .max(128)
  .regex(
    /^[\p{L}_][\p{L}\p{N}_.-]*$/u,
    "a feature name starts with a letter or _ and goes on with letters, digits, _ . -",
  );
export const text = z.string().min(1);
export const positive = z.int().positive();
export const finite = z.number();

export const initializer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("uniform"), range: finite.positive() }),
  z.strictObject({ kind: z.literal("normal"), std: finite.positive() }),
]);

export type Initializer = z.output<typeof initializer>;

const vocabulary = z.union([
  z.array(text).min(1),
  z.strictObject({ file: text }),
  z.strictObject({ minCount: positive.default(1), maxSize: positive.optional() }),
]);

/** What every feature with an embedding table says about the table. */
export const tableFields = {
  dim: positive.optional(),
  embedding: text.optional(),
  initializer: initializer.optional(),
  /** `false`: the table stays as it starts. */
  trainable: z.boolean().optional(),
};

/** How a value becomes a row of the table: exactly one of `hash`, `buckets`, `vocabulary`. */
export const mappingFields = {
  hash: positive.max(2 ** 31 - 3).optional(),
  buckets: positive.max(2 ** 31 - 3).optional(),
  vocabulary: vocabulary.optional(),
  outOfVocabulary: z.enum(["bucket", "refuse"]).default("bucket"),
  outOfRange: z.enum(["bucket", "refuse"]).default("refuse"),
};

/** Of a bag of ids. */
export const bagFields = {
  ...mappingFields,
  pooling: z.enum(["sum", "mean"]).default("sum"),
  maxLength: positive.optional(),
  missing: z.enum(["empty", "refuse"]).default("empty"),
  ...tableFields,
};

const expression = z.string().superRefine((source, context) => {
  try {
    parseExpression(source, ["x"]);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
  }
});

const normalize = z.union([
  z.enum(["log", "zscore", "minmax"]),
  z.strictObject({ mean: finite, std: finite.positive() }),
  z
    .strictObject({ min: finite, max: finite })
    .refine(({ min, max }) => min < max, { message: "min must be below max" }),
  z.strictObject({ expression }),
]);

/** Of numbers, or of one number put into ranges. */
export const numberFields = {
  normalize: normalize.optional(),
  /** Default: "bucket" with `boundaries`, "mean" where the mean is learnt or given, else 0 (in raw units). */
  missing: z.union([finite, z.enum(["mean", "bucket", "refuse"])]).optional(),
  nonFinite: z.enum(["refuse", "impute"]).default("refuse"),
  boundaries: z.array(finite).min(1).optional(),
  width: positive.default(1),
  ...tableFields,
};

export type Refinement = z.core.$RefinementCtx<unknown>;

export function problem(context: Refinement, path: string | PropertyKey[], message: string): void {
  context.addIssue({ code: "custom", path: typeof path === "string" ? [path] : path, message });
}
