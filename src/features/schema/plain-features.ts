import { z } from "zod";
import {
  bagFields,
  compositionOf,
  featureName,
  MAPPINGS,
  mappingFields,
  nonFinite,
  normalize,
  numberFields,
  problem,
  type Refinement,
  standIn,
  TABLE_SETTINGS,
  tableFields,
  text,
} from "./feature-fields.js";

/**
 * The kinds that read columns directly: one id per row, a bag of ids, numbers. Derived kinds hand their values to
 * these.
 */

const missingId = z.union([z.enum(["bucket", "refuse"]), standIn]);

export const idFeature = z
  .strictObject({
    kind: z.literal("id"),
    /** Unique; models use it to refer to the feature. */
    name: featureName,
    /** The column to read; default the name. */
    column: text.optional(),
    /** Columns to cross into one id, instead of `column`. */
    columns: z.array(text).min(2).optional(),
    ...mappingFields,
    /** A missing value: gets a separate row, is replaced by a value, or the row of data is refused. */
    missing: missingId.default("bucket"),
    ...tableFields,
  })
  .superRefine(refineMapping)
  .superRefine((feature, context) => {
    if (feature.column !== undefined && feature.columns !== undefined)
      problem(context, "columns", "give either column or columns, not both");
    if (feature.columns !== undefined && feature.buckets !== undefined)
      problem(context, "columns", "a cross of columns is text: map it with hash, vocabulary or dynamic");
  });

export const idsFeature = z
  .strictObject({
    kind: z.literal("ids"),
    /** Unique; models use it to refer to the feature. */
    name: featureName,
    /** The column to read; default the name. */
    column: text.optional(),
    /** Separates the values of a bag given as text. */
    separator: text.default(","),
    /** Ids have weights: texts `id:weight`, a map from ids to weights, or a list of either or of `{ key, value }`. */
    weighted: z.boolean().default(false),
    ...bagFields,
  })
  .superRefine(refineMapping);

/** How a number of an entry is read. Statistics are those of the entries that are kept, in all rows of the training split. */
const entryNumber = z.strictObject({
  /** How the raw number is transformed for the model. */
  normalize: normalize.optional(),
  /** Replaces a missing number: in raw units. */
  missing: z.number().default(0),
  /** NaN, infinities and non-numeric text: the row of data is refused, or the value is missing. */
  nonFinite: nonFinite.default("refuse"),
});

export const sequenceFeature = z
  .strictObject({
    kind: z.literal("sequence"),
    /** Unique; models use it to refer to the feature. */
    name: featureName,
    /** The column to read, a list for each row, oldest first; default the name. */
    column: text.optional(),
    /** Separates the entries of a sequence given as text. */
    separator: text.default(","),
    /** The sequence that this is a column of: all of its columns have as many entries in a row. Default the name. */
    sequence: featureName.optional(),
    /** Keep only the newest entries, the last ones, up to this number. */
    max: z.int().positive().optional(),
    /** The entries are numbers, which models read beside the embeddings of other columns. */
    number: entryNumber.optional(),
    ...mappingFields,
    ...tableFields,
  })
  .superRefine((feature, context) => {
    if (feature.number === undefined) refineMapping(feature, context);
    else refineNumbers(feature, context);
  })
  .superRefine((feature, context) => {
    if (compositionOf(feature) !== undefined)
      problem(context, ["hash"], "the entries of a sequence have vectors of one table: give hash a number");
  });

export const numberFeature = z
  .strictObject({
    kind: z.literal("number"),
    /** Unique; models use it to refer to the feature. */
    name: featureName,
    /** The column to read; default the name. */
    column: text.optional(),
    /** Separates the numbers of a vector given as text. */
    separator: text.optional(),
    ...numberFields,
  })
  .superRefine((feature, context) => {
    if (feature.boundaries === undefined) refineDense(feature, context);
    else refineBoundaries(feature, feature.boundaries, context);
  });

export type IdFeatureConfig = z.output<typeof idFeature>;
export type IdsFeatureConfig = z.output<typeof idsFeature>;
export type NumberFeatureConfig = z.output<typeof numberFeature>;
export type SequenceFeatureConfig = z.output<typeof sequenceFeature>;
/**
 * A bag, or, with the name of a sequence, the ids of its entries, or their numbers; or the ids within its entries, with the places
 * of these as weights.
 */
export type BagConfig = IdsFeatureConfig & {
  readonly sequence?: string;
  readonly number?: EntryNumber;
  readonly within?: { readonly sequence: string; readonly max?: number };
};
type EntryNumber = NonNullable<SequenceFeatureConfig["number"]>;
export type PlainFeatureConfig = IdFeatureConfig | BagConfig | NumberFeatureConfig;

/** The ids of a sequence as a bag of them all. Numbers are the weights of ids that are all 0. */
export function bagOf({ kind: _, sequence, max, ...feature }: SequenceFeatureConfig): BagConfig {
  return {
    ...feature,
    ...(feature.number && { buckets: 1 }),
    kind: "ids",
    weighted: false,
    pooling: "sum",
    missing: "empty",
    ...(max !== undefined && { maxLength: max }),
    sequence: sequence ?? feature.name,
  };
}

function refineMapping(
  feature: Readonly<Partial<Record<(typeof MAPPINGS)[number] | "synonyms", unknown>>>,
  context: Refinement,
): void {
  const { vocabulary = {}, synonyms } = feature;
  if (synonyms !== undefined && !Array.isArray(vocabulary) && !("file" in (vocabulary as object)))
    problem(context, "synonyms", "synonyms need a vocabulary that is a list or a file");
  const given = MAPPINGS.filter((key) => feature[key] !== undefined);
  if (given.length !== 1) {
    const got = given.length === 0 ? "none" : given.join(" and ");
    problem(context, [], `give exactly one of ${MAPPINGS.join(", ")} (got ${got})`);
  }
}

function refineNumbers(feature: Readonly<Partial<Record<string, unknown>>>, context: Refinement): void {
  for (const key of [...MAPPINGS, "embedding", ...TABLE_SETTINGS])
    if (feature[key] !== undefined)
      problem(context, key, `${key} is for ids: numbers of entries have no table`);
}

type NumberShape = {
  normalize?: unknown;
  missing?: unknown;
  separator?: string;
  width: number;
  dim?: number;
  embedding?: string;
  initializer?: unknown;
  trainable?: boolean;
  dtype?: string;
  store?: object;
  denseEmbedding?: { readonly kind: string };
};

function refineDense(feature: NumberShape, context: Refinement): void {
  if (feature.missing === "bucket") problem(context, "missing", '"bucket" needs boundaries');
  if (Array.isArray(feature.missing) && (feature.width === 1 || feature.missing.length !== feature.width))
    problem(context, "missing", "a list of values needs width above 1, and as many numbers");
  for (const key of ["embedding", ...TABLE_SETTINGS] as const)
    if (feature[key] !== undefined)
      problem(context, key, `${key} needs boundaries: a plain number has no table`);
  if (feature.width === 1) {
    if (feature.separator !== undefined) problem(context, "separator", "separator needs width above 1");
    return;
  }
  const embedding = feature.denseEmbedding?.kind ?? "mlp";
  if (embedding !== "mlp")
    problem(context, "denseEmbedding", `${embedding} needs width 1: it embeds one number`);
  const learnt = feature.normalize === "zscore" || feature.normalize === "minmax";
  if (learnt)
    problem(context, "normalize", "statistics are not learned for width > 1: scale the vector in sql");
  if (feature.missing === "mean") problem(context, "missing", '"mean" is not learned for width > 1');
}

function refineBoundaries(
  feature: NumberShape,
  boundaries: NonNullable<NumberFeatureConfig["boundaries"]>,
  context: Refinement,
): void {
  if (Array.isArray(feature.missing)) problem(context, "missing", "boundaries need one number");
  if (Array.isArray(boundaries) && boundaries.some((value, i) => i > 0 && value <= boundaries[i - 1]))
    problem(context, "boundaries", "boundaries must ascend strictly");
  if (feature.normalize !== undefined)
    problem(context, "normalize", "boundaries compare raw values: leave normalize out");
  if (feature.width !== 1) problem(context, "width", "boundaries need width 1");
  if (feature.denseEmbedding !== undefined)
    problem(context, "denseEmbedding", "boundaries give embeddings of their own: leave denseEmbedding out");
  if (feature.separator !== undefined) problem(context, "separator", "separator needs width above 1");
}
