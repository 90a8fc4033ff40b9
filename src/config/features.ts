import { z } from "zod";
import { parseExpression } from "../features/expression.js";

/**
 * The feature section of a config: an array of features, each an `id`, `ids` or `number`. The schema checks what can
 * be checked without data and fills the defaults; `docs/features.md` is the reference.
 */

const featureName = z
  .string()
  .max(128)
  .regex(
    /^[\p{L}_][\p{L}\p{N}_.-]*$/u,
    "a feature name starts with a letter or _ and goes on with letters, digits, _ . -",
  );
const positive = z.int().positive();
const finite = z.number();

const initializer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("uniform"), range: finite.positive() }),
  z.strictObject({ kind: z.literal("normal"), std: finite.positive() }),
]);

const vocabulary = z.union([
  z.array(z.string().min(1)).min(1),
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ minCount: positive.default(1), maxSize: positive.optional() }),
]);

/** What every feature with an embedding table says about the table. */
const table = {
  dim: positive.optional(),
  embedding: z.string().min(1).optional(),
  initializer: initializer.optional(),
};

/** How a value becomes a row of the table: exactly one of `hash`, `buckets`, `vocabulary`. */
const mapping = {
  hash: positive.max(2 ** 31 - 3).optional(),
  buckets: positive.max(2 ** 31 - 3).optional(),
  vocabulary: vocabulary.optional(),
  outOfVocabulary: z.enum(["bucket", "refuse"]).default("bucket"),
  outOfRange: z.enum(["bucket", "refuse"]).default("refuse"),
};

const missingId = z.union([
  z.enum(["bucket", "refuse"]),
  z.strictObject({ value: z.union([z.string().min(1), z.int()]) }),
]);

const idFeature = z
  .strictObject({
    kind: z.literal("id"),
    name: featureName,
    column: z.string().min(1).optional(),
    columns: z.array(z.string().min(1)).min(2).optional(),
    ...mapping,
    missing: missingId.default("bucket"),
    ...table,
  })
  .superRefine(refineMapping)
  .superRefine((feature, context) => {
    if (feature.column !== undefined && feature.columns !== undefined)
      problem(context, "columns", "give either column or columns, not both");
    if (feature.columns !== undefined && feature.buckets !== undefined)
      problem(context, "columns", "a cross of columns is text: map it with hash or vocabulary");
  });

const idsFeature = z
  .strictObject({
    kind: z.literal("ids"),
    name: featureName,
    column: z.string().min(1).optional(),
    ...mapping,
    separator: z.string().min(1).default(","),
    pooling: z.enum(["sum", "mean"]).default("sum"),
    maxLength: positive.optional(),
    missing: z.enum(["empty", "refuse"]).default("empty"),
    ...table,
  })
  .superRefine(refineMapping);

const expression = z.string().superRefine((text, context) => {
  try {
    parseExpression(text);
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

const numberFeature = z
  .strictObject({
    kind: z.literal("number"),
    name: featureName,
    column: z.string().min(1).optional(),
    normalize: normalize.optional(),
    /** Default: "bucket" with `boundaries`, "mean" where the mean is learnt or given, else 0 (in raw units). */
    missing: z.union([finite, z.enum(["mean", "bucket", "refuse"])]).optional(),
    nonFinite: z.enum(["refuse", "impute"]).default("refuse"),
    boundaries: z.array(finite).min(1).optional(),
    width: positive.default(1),
    ...table,
  })
  .superRefine((feature, context) => {
    if (feature.boundaries === undefined) refineDense(feature, context);
    else refineBoundaries(feature, feature.boundaries, context);
  });

export const featureSchema = z.discriminatedUnion("kind", [idFeature, idsFeature, numberFeature]);

export const featuresSchema = z
  .array(featureSchema)
  .min(1)
  .superRefine(refineNames)
  .superRefine(refineTables);

/** A feature as a config may write it: defaults left out. */
export type FeatureInput = z.input<typeof featureSchema>;
/** A feature with every default filled in. */
export type FeatureConfig = z.output<typeof featureSchema>;
export type IdFeatureConfig = z.output<typeof idFeature>;
export type IdsFeatureConfig = z.output<typeof idsFeature>;
export type NumberFeatureConfig = z.output<typeof numberFeature>;
export type Initializer = z.output<typeof initializer>;

/** The table of embeddings that a feature reads: its own unless it names a shared one. */
export function tableName(feature: { name: string; embedding?: string }): string {
  return feature.embedding ?? feature.name;
}

/** Whether the feature reads an embedding table (every kind but a plain number does). */
export function hasTable(feature: FeatureConfig): boolean {
  return feature.kind !== "number" || feature.boundaries !== undefined;
}

type Refinement = z.core.$RefinementCtx<unknown>;

function problem(context: Refinement, path: string | (string | number)[], message: string): void {
  context.addIssue({ code: "custom", path: typeof path === "string" ? [path] : path, message });
}

function refineMapping(
  feature: { hash?: number; buckets?: number; vocabulary?: unknown },
  context: Refinement,
): void {
  const given = (["hash", "buckets", "vocabulary"] as const).filter((key) => feature[key] !== undefined);
  if (given.length !== 1) {
    const got = given.length === 0 ? "none" : given.join(" and ");
    problem(context, [], `give exactly one of hash, buckets, vocabulary (got ${got})`);
  }
}

type NumberShape = {
  normalize?: unknown;
  missing?: unknown;
  width: number;
  dim?: number;
  embedding?: string;
  initializer?: unknown;
};

function refineDense(feature: NumberShape, context: Refinement): void {
  if (feature.missing === "bucket") problem(context, "missing", '"bucket" needs boundaries');
  for (const key of ["dim", "embedding", "initializer"] as const)
    if (feature[key] !== undefined)
      problem(context, key, `${key} needs boundaries: a plain number has no table`);
  if (feature.width === 1) return;
  const learnt = feature.normalize === "zscore" || feature.normalize === "minmax";
  if (learnt)
    problem(context, "normalize", "statistics are not learnt for width > 1: scale the vector in sql");
  if (feature.missing === "mean") problem(context, "missing", '"mean" is not learnt for width > 1');
}

function refineBoundaries(feature: NumberShape, boundaries: number[], context: Refinement): void {
  if (boundaries.some((value, i) => i > 0 && value <= boundaries[i - 1]))
    problem(context, "boundaries", "boundaries must ascend strictly");
  if (feature.normalize !== undefined)
    problem(context, "normalize", "boundaries compare raw values: leave normalize out");
  if (feature.width !== 1) problem(context, "width", "boundaries need width 1");
}

function refineNames(features: FeatureConfig[], context: Refinement): void {
  const seen = new Map<string, number>();
  features.forEach((feature, i) => {
    const first = seen.get(feature.name);
    if (first === undefined) seen.set(feature.name, i);
    else {
      const message = `the name "${feature.name}" is taken by features[${first}]`;
      const params = { expected: "a name that no other feature has" };
      context.addIssue({ code: "custom", path: [i, "name"], message, params });
    }
  });
}

/** Features that share a table must agree on what its rows mean. */
function refineTables(features: FeatureConfig[], context: Refinement): void {
  const first = new Map<string, number>();
  features.forEach((feature, i) => {
    if (!hasTable(feature)) return;
    const name = tableName(feature);
    const j = first.get(name);
    if (j === undefined) {
      first.set(name, i);
      return;
    }
    const other = features[j];
    for (const key of ["hash", "buckets", "vocabulary", "boundaries", "dim", "initializer"] as const)
      if (JSON.stringify(settingOf(feature, key)) !== JSON.stringify(settingOf(other, key)))
        problem(context, [i, key], `must equal features[${j}].${key}: both read the table "${name}"`);
  });
}

function settingOf(feature: FeatureConfig, key: string): unknown {
  return (feature as Record<string, unknown>)[key];
}
