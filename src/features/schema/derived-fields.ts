import { z } from "zod";
import {
  bagFields,
  featureName,
  numberFields,
  problem,
  type Refinement,
  standIn,
  text,
} from "./feature-fields.js";
import {
  type IdsFeatureConfig,
  idsFeature,
  type NumberFeatureConfig,
  numberFeature,
} from "./plain-features.js";

/**
 * What derived kinds share: the inputs they compute from, and what becomes of the computed value, which is put to the
 * model as the plain kinds `ids` and `number` put a column's value.
 */

/** A column, or the value of another feature. */
export const inputSource = z.union([
  text,
  z.strictObject({
    /** A column of the source. */
    column: text,
    /** Between values given as text. */
    separator: text.optional(),
  }),
  z.strictObject({ feature: featureName }),
]);
export type InputSource = z.output<typeof inputSource>;

/** Between the values of an input given as text; an input's own `separator` comes first. */
export const separator = text.default(",");

/** How several numbers found for one row become one. */
export const combiner = z.enum(["sum", "mean", "min", "max"]).default("sum");

type Fields = Record<string, z.ZodType>;
type Optional<F extends Fields> = {
  [K in keyof F]: z.ZodOptional<F[K] extends z.ZodDefault<infer I> ? I : F[K]>;
};

/** The fields without their defaults, which {@link plainOutput} fills in: so that a field given is told from one left out. */
function optional<const F extends Fields>(fields: F): Optional<F> {
  const bare = (field: z.ZodType) => (field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : field);
  return Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [key, bare(field).optional()]),
  ) as Optional<F>;
}

const { missing: missingBag, ...bag } = optional(bagFields);
const { missing: missingNumber, width: _, ...number } = optional(numberFields);

/** The value is ids. */
export const idsOutput = {
  ...bag,
  /** A missing bag: an empty one, or the row of data is refused; or a value that stands in every bag without ids. */
  missing: missingBag,
};
/** The value is a number. */
export const numberOutput = {
  ...number,
  /** Default: "bucket" with `boundaries`, "mean" where the mean is learnt or given, else 0 (in raw units). */
  missing: missingNumber,
};
/** The value is ids where a mapping is given (`hash`, `buckets`, `vocabulary`), else numbers. */
export const anyOutput = {
  ...number,
  ...bag,
  /** How many numbers a row holds. */
  width: optional(numberFields).width,
  /** Of a number as of kind `number`, of ids as of kind `ids`. */
  missing: z.union([numberFields.missing.unwrap(), z.enum(["empty"]), standIn]).optional(),
};

const OUTPUT_KEYS = new Set(["name", ...Object.keys(anyOutput)]);

type DerivedShape = {
  name: string;
  hash?: number;
  buckets?: number;
  vocabulary?: unknown;
  tokenizer?: "whitespace" | { pattern: string } | { file: string };
};

/** The plain kind that takes a derived feature's value. */
type OutputKind = "ids" | "number";

/** The plain kind of a value that may be either: ids where it is mapped to rows. */
export function outputKind({ hash, buckets, vocabulary }: DerivedShape): OutputKind {
  return (hash ?? buckets ?? vocabulary) !== undefined ? "ids" : "number";
}

function outputFields(feature: DerivedShape, gives: OutputKind): Record<string, unknown> {
  const given = Object.entries(feature).filter(([key, value]) => OUTPUT_KEYS.has(key) && value !== undefined);
  return { ...tokensAsVocabulary(feature), ...Object.fromEntries(given), kind: gives };
}

/** A tokenizer's own tokens are its vocabulary where no mapping is given: none is unknown. */
function tokensAsVocabulary({ tokenizer, hash, buckets, vocabulary }: DerivedShape): Record<string, unknown> {
  const mapped = (hash ?? buckets ?? vocabulary) !== undefined;
  if (mapped || typeof tokenizer !== "object" || !("file" in tokenizer)) return {};
  return { vocabulary: { file: tokenizer.file }, outOfVocabulary: "refuse" };
}

/** The plain feature that takes the computed value where a column's value would stand. */
export function plainOutput(
  feature: DerivedShape,
  gives: OutputKind = outputKind(feature),
): IdsFeatureConfig | NumberFeatureConfig {
  return (gives === "ids" ? idsFeature : numberFeature).parse(outputFields(feature, gives));
}

/** Checks the output's part of a derived feature by the rules of the plain kind that it ends in. */
export function refineOutput(feature: DerivedShape, context: Refinement): void {
  refineAs(outputKind(feature), feature, context);
}

/** {@link refineOutput} of a feature that always gives ids. */
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
    else problem(context, issue.path, issue.message);
}

const NEEDS_MAPPING = "give one of hash, buckets, vocabulary, or leave it out";
