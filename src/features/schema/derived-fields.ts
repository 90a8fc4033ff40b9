import { z } from "zod";
import {
  bagFields,
  featureName,
  MAPPINGS,
  numberFields,
  problem,
  type Refinement,
  standIn,
  text,
} from "./feature-fields.js";
import {
  type BagConfig,
  bagOf,
  idsFeature,
  type NumberFeatureConfig,
  numberFeature,
  sequenceFeature,
} from "./plain-features.js";

/**
 * Fields shared by derived kinds: their inputs, and how the model reads the computed value. The latter works as in the
 * plain kinds `ids` and `number`.
 */

/** A column, the value of another feature, or a value that is the same in all rows. */
export const inputSource = z.union([
  text,
  z.strictObject({
    /** A column of the source. */
    column: text,
    /** Separates values given as text. */
    separator: text.optional(),
  }),
  z.strictObject({ feature: featureName }),
  z.strictObject({
    /** A text or number that is the value in all rows. */
    constant: z.union([text, z.number()]),
  }),
]);
export type InputSource = z.output<typeof inputSource>;

/** Separates values of inputs given as text; an input's own `separator` takes precedence. */
export const separator = text.default(",");

/** How several numbers found for one row are reduced to one. */
export const combiner = z.enum(["sum", "mean", "min", "max", "count"]).default("sum");

type Fields = Record<string, z.ZodType>;
type Optional<F extends Fields> = {
  [K in keyof F]: z.ZodOptional<F[K] extends z.ZodDefault<infer I> ? I : F[K]>;
};

/**
 * The fields without defaults, so that given and absent fields can be told apart. {@link plainOutput} fills in the
 * defaults.
 */
function optional<const F extends Fields>(fields: F): Optional<F> {
  const bare = (field: z.ZodType) => (field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : field);
  return Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [key, bare(field).optional()]),
  ) as Optional<F>;
}

const { missing: missingBag, ...bag } = optional(bagFields);
const { missing: missingNumber, width: _, ...number } = optional(numberFields);

/** Fields of a kind whose value is ids. */
export const idsOutput = {
  ...bag,
  /** A missing bag: empty, or the row is refused, or a value that is put into every bag without ids. */
  missing: missingBag,
};
/** Fields of a kind whose value is a number. */
export const numberOutput = {
  ...number,
  /** Default: "bucket" with `boundaries`; "mean" if the mean is learned or given; else 0 (in raw units). */
  missing: missingNumber,
};
/** Fields of a kind whose value is ids if a mapping is given (`hash`, `buckets`, `vocabulary`, `dynamic`), else numbers. */
export const anyOutput = {
  ...number,
  ...bag,
  /** Numbers per row. */
  width: optional(numberFields).width,
  /** For a number as in kind `number`, for ids as in kind `ids`. */
  missing: z.union([numberFields.missing.unwrap(), z.enum(["empty"]), standIn]).optional(),
};

const OUTPUT_KEYS = new Set(["name", ...Object.keys(anyOutput)]);
const SEQUENCE_KEYS = new Set(["sequence", "max", ...OUTPUT_KEYS]);

type DerivedShape = {
  name: string;
  hash?: unknown;
  buckets?: number;
  vocabulary?: unknown;
  dynamic?: unknown;
  tokenizer?: "whitespace" | { pattern: string } | { file: string };
};

/** The plain kind that handles a derived feature's value. */
type OutputKind = "ids" | "number" | "sequence" | "entryBags";

/** The sequence whose entries have several ids each, and how many of its newest entries are kept. */
type Within = NonNullable<BagConfig["within"]>;

/** The plain kind of a value that may be either: ids if it has a mapping. */
export function outputKind(feature: DerivedShape): "ids" | "number" {
  return isMapped(feature) ? "ids" : "number";
}

function isMapped(feature: DerivedShape): boolean {
  return MAPPINGS.some((key) => feature[key] !== undefined);
}

function outputFields(feature: DerivedShape, gives: OutputKind): Record<string, unknown> {
  const keys = gives === "sequence" ? SEQUENCE_KEYS : OUTPUT_KEYS;
  const given = Object.entries(feature).filter(([key, value]) => keys.has(key) && value !== undefined);
  return { ...tokensAsVocabulary(feature), ...Object.fromEntries(given), kind: gives };
}

/** Without a mapping, the tokenizer's own tokens are the vocabulary, and no token is unknown. */
function tokensAsVocabulary(feature: DerivedShape): Record<string, unknown> {
  const { tokenizer } = feature;
  if (isMapped(feature) || typeof tokenizer !== "object" || !("file" in tokenizer)) return {};
  return { vocabulary: { file: tokenizer.file }, outOfVocabulary: "refuse" };
}

/** The plain feature that handles the computed value like a column's value. */
export function plainOutput(
  feature: DerivedShape,
  gives: OutputKind = outputKind(feature),
): BagConfig | NumberFeatureConfig {
  if (gives === "entryBags") return bagsWithin(feature as DerivedShape & Within);
  if (gives === "sequence") return bagOf(sequenceFeature.parse(outputFields(feature, gives)));
  return (gives === "ids" ? idsFeature : numberFeature).parse(outputFields(feature, gives));
}

/** The bag of all ids of a row's entries. */
function bagsWithin(feature: DerivedShape & Within): BagConfig {
  const { sequence, max } = feature;
  return { ...idsFeature.parse(outputFields(feature, "ids")), within: { sequence, ...(max && { max }) } };
}

/** Checks the output fields of a derived feature by the rules of the plain kind that handles its value. */
export function refineOutput(feature: DerivedShape, context: Refinement): void {
  refineAs(outputKind(feature), feature, context);
}

/** {@link refineOutput} for a feature that always gives ids. */
export function refineIds(feature: DerivedShape, context: Refinement): void {
  refineAs("ids", feature, context);
}

function refineAs(gives: OutputKind, feature: DerivedShape, context: Refinement): void {
  const ids = gives === "ids";
  const { error } = (ids ? idsFeature : numberFeature).safeParse(outputFields(feature, gives));
  for (const issue of error?.issues ?? [])
    if (issue.code === "unrecognized_keys")
      for (const key of issue.keys)
        problem(
          context,
          key,
          ids ? `${key} is for numbers, and this feature gives ids` : `${key} is for ids: ${NEEDS_MAPPING}`,
        );
    else {
      const { path, message } = issue;
      const params = issue.code === "custom" ? issue.params : undefined;
      context.addIssue({ code: "custom", path, message, params });
    }
}

const NEEDS_MAPPING = `give one of ${MAPPINGS.join(", ")}, or leave it out`;
