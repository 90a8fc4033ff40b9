import { z } from "zod";
import { denseEmbeddingSchema } from "../layers/dense-embedding.js";
import { COMPOSITIONS } from "../layers/embedding-layer.js";
import { initializerSchema } from "../layers/initializer.js";
import { listOf } from "../untrusted.js";
import {
  FITTED_VERSION,
  type FittedBag,
  type FittedFeature,
  type FittedFeatures,
  type FittedId,
  type FittedKey,
  type IdMapping,
  missingOf,
} from "./fitted.js";
import { TIME_UNITS } from "./instant.js";
import type { Derivation } from "./kinds/define-kind.js";
import { dynamicFields } from "./schema/dynamic-table.js";
import { TABLE_SETTINGS } from "./schema/feature-fields.js";
import { storeSchema } from "./schema/store.js";
import { synonymProblem } from "./vocabulary.js";

/**
 * The schema of fitted features read from a file. The content of a checkpoint is untrusted, so nothing about it is
 * assumed: not the members, not their types, and not that a row that a value is mapped to is in its table.
 */

/** The program format has 64-bit sizes; beyond this, no table is possible. */
const MOST_ROWS = 2 ** 40;
const MOST_FEATURES = 2 ** 16;

/** Types become part of SQL: words, numbers, quoted names and brackets in pairs, and nothing that could end the type. */
function isTypeText(type: string): boolean {
  const unquoted = type.replace(/"(?:[^"]|"")*"|'(?:[^']|'')*'/g, "q");
  if (!/^[A-Za-z][\w ,()[\]]*$/.test(unquoted)) return false;
  let depth = 0;
  for (const character of unquoted) {
    depth += Number(character === "(") - Number(character === ")");
    if (depth < 0 || (depth === 0 && character === ",")) return false;
  }
  return depth === 0;
}

const text = z.string().min(1);
const size = z.int().positive().max(MOST_ROWS);
const row = z.int().nonnegative().nullable();
/** A key of 64 bits in decimal digits. */
const key = z.strictObject({
  key: z
    .string()
    .regex(/^-?\d{1,19}$/)
    .refine(isKey, "an integer of 64 bits"),
});
const nonFinite = z.enum(["refuse", "impute"]);

/** Only the shape: that it is the derivation of the config is checked where the config is known. */
const derivationSchema = z
  .looseObject({ kind: text, inputs: z.array(z.looseObject({})).min(1) })
  .transform((derivation) => derivation as unknown as Derivation);

const readingSchema = z.strictObject({
  columns: z.array(text),
  as: z.enum(["text", "number", "integer"]),
  imputes: z.literal(true).optional(),
  separator: text.optional(),
  weighted: z.literal(true).optional(),
  length: size.optional(),
  derivation: derivationSchema.optional(),
});

const mappingSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("hash"), size }),
  z.strictObject({ kind: z.literal("key") }),
  z.strictObject({ kind: z.literal("integer"), size, outOfRangeRow: row }),
  z.strictObject({
    kind: z.literal("vocabulary"),
    vocabulary: text,
    unknownRow: row,
    synonyms: z.record(z.string(), z.string()).optional(),
  }),
  z.strictObject({
    kind: z.literal("boundaries"),
    boundaries: z.array(z.number()).refine(isAscending, "boundaries ascend"),
    nonFinite,
  }),
]);

/** One function instead of a schema per value, because there may be millions. */
const textsSchema = z.custom<readonly string[]>(
  (values) => Array.isArray(values) && values.every((value) => typeof value === "string"),
  "a list of texts",
);

const targetMeansSchema = z
  .strictObject({
    prior: z.number(),
    keys: textsSchema.refine(isDistinct, "a list of distinct texts"),
    means: z.custom<readonly number[]>(
      (means) => Array.isArray(means) && means.every(Number.isFinite),
      "a list of numbers",
    ),
  })
  .refine(({ keys, means }) => keys.length === means.length, "one mean for each key");

const translationSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("permutation"),
    rows: z.array(z.int().nonnegative()).refine(isPermutation, "every row once"),
    ids: size,
  }),
  z.strictObject({ kind: z.literal("firstCome"), rows: size, ids: size }),
  z.strictObject({ kind: z.literal("dynamic"), ...dynamicFields }),
]);

const tableShape = {
  name: text,
  reading: readingSchema,
  width: z.literal(1),
  table: text,
  rows: size,
  dim: z.int().positive().max(65_536).optional(),
  initializer: initializerSchema.optional(),
  trainable: z.boolean().optional(),
  dtype: z.enum(["fp32", "fp16", "bf16"]).optional(),
  store: storeSchema.optional(),
  composition: z.enum(COMPOSITIONS).optional(),
  translation: translationSchema.optional(),
  mapping: mappingSchema,
};

const transformSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("identity") }),
  z.strictObject({ kind: z.literal("log") }),
  z.strictObject({
    kind: z.literal("affine"),
    shift: z.number(),
    scale: z.number().refine((scale) => scale !== 0, "not 0"),
  }),
  z.strictObject({ kind: z.literal("expression"), expression: text }),
]);

const featureSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("id"), ...tableShape, missingRow: z.union([row, key]) }),
  z.strictObject({
    kind: z.literal("ids"),
    ...tableShape,
    pooling: z.enum(["sum", "mean"]),
    maxLength: size.optional(),
    missing: z.union([z.enum(["empty", "refuse"]), z.int().nonnegative(), key]),
    sequence: z
      .strictObject({
        name: text,
        missingEntry: z.union([z.int().nonnegative(), key]),
        number: z.strictObject({ transform: transformSchema, missing: z.number(), nonFinite }).optional(),
      })
      .optional(),
    within: z.strictObject({ sequence: text, max: size.optional() }).optional(),
  }),
  z.strictObject({
    kind: z.literal("number"),
    name: text,
    reading: readingSchema,
    width: z
      .int()
      .positive()
      .max(2 ** 20),
    transform: transformSchema,
    missing: z.number().nullable(),
    nonFinite,
    denseEmbedding: denseEmbeddingSchema.optional(),
    edges: z.array(z.number()).min(2).refine(isAscending, "edges ascend").optional(),
  }),
]);

const columnTypes = z.record(z.string(), z.string().refine(isTypeText, "not a SQL type"));

export const fittedSchema: z.ZodType<FittedFeatures> = z
  .strictObject({
    version: z.literal(FITTED_VERSION),
    features: listOf(featureSchema, MOST_FEATURES),
    vocabularies: z.record(z.string(), textsSchema),
    tokenizers: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
    targetMeans: z.record(z.string(), targetMeansSchema).optional(),
    nullValues: z.array(z.string()).optional(),
    decimal: z.literal(",").optional(),
    trim: z.literal(true).optional(),
    textTypes: columnTypes.optional(),
    types: columnTypes.optional(),
    tableTypes: z.record(z.string(), columnTypes).optional(),
    timeUnits: z.record(z.string(), z.enum(TIME_UNITS)).optional(),
    modules: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)).optional(),
  })
  .superRefine((fitted, context) => {
    let hasFaults = false;
    const complain = (path: PropertyKey[], message: string) => {
      hasFaults = true;
      context.addIssue({ code: "custom", path: ["features", ...path], message });
    };
    const first = new Map<string, number>();
    const names = new Set<string>();
    fitted.features.forEach((feature, i) => {
      if (names.has(feature.name)) complain([i, "name"], `the name ${feature.name} is taken`);
      names.add(feature.name);
      if (feature.kind === "number") return;
      for (const [path, message] of rowProblems(feature, fitted)) complain([i, ...path], message);
      const other = fitted.features[first.get(feature.table) ?? i] as typeof feature;
      for (const key of SHARED)
        if (JSON.stringify(feature[key]) !== JSON.stringify(other[key]))
          complain([i, key], `differs from that of ${other.name}: both read the table ${feature.table}`);
      if (!first.has(feature.table)) first.set(feature.table, i);
    });
    // Last, because millions of texts take long: more than a table has rows are refused before.
    for (const [table, texts] of hasFaults ? [] : Object.entries(fitted.vocabularies))
      if (!isDistinct(texts))
        context.addIssue({
          code: "custom",
          path: ["vocabularies", table],
          message: "a list of distinct texts",
        });
  });

type TableFeature = Exclude<FittedFeature, { kind: "number" }>;

/** What is equal for all features of a table. */
const SHARED = ["rows", ...TABLE_SETTINGS, "composition", "translation"] as const;

/** Rows outside the table, by path. */
function* rowProblems(
  feature: TableFeature,
  { vocabularies }: Pick<FittedFeatures, "vocabularies">,
): Generator<[path: string[], message: string]> {
  const { mapping, translation, rows } = feature;
  if (mapping.kind === "vocabulary" && !Object.hasOwn(vocabularies, mapping.vocabulary))
    return yield [["mapping", "vocabulary"], `there is no vocabulary ${mapping.vocabulary}`];
  if (mapping.kind === "vocabulary" && mapping.synonyms) {
    const [text, , problem] = synonymProblem(mapping.synonyms, vocabularies[mapping.vocabulary]) ?? [];
    if (text !== undefined) yield [["mapping", "synonyms", text], problem!];
  }
  const special = missingOf(feature);
  if (translation?.kind === "dynamic" || mapping.kind === "key" || isFittedKey(special))
    return yield* keyProblems(feature, special);
  const below = translation?.ids ?? rows;
  const values = valuesOf(mapping, vocabularies);
  if (values > below) yield [["rows"], `${values} values do not fit in ${below} rows`];
  for (const row of [special, specialRow(mapping)])
    if (typeof row === "number" && row >= below) yield [[], `the row ${row} is not below ${below}`];
  if (translation === undefined) return;
  const [ids, reached] =
    translation.kind === "permutation"
      ? [translation.rows.length, translation.rows.length]
      : [translation.ids, translation.rows];
  if (ids !== translation.ids || reached !== rows) yield [["translation"], "does not fit the table"];
}

/** Keys and dynamic tables need each other. */
function* keyProblems(
  { mapping, translation, rows }: TableFeature,
  special: FittedId["missingRow"] | FittedBag["missing"],
): Generator<[path: string[], message: string]> {
  if (mapping.kind !== "key") yield [["mapping"], "a dynamic table has keys"];
  if (translation?.kind !== "dynamic") yield [["translation"], "keys need a dynamic table"];
  else if (rows !== translation.capacity + 1) yield [["rows"], "does not fit the capacity"];
  if (typeof special === "number") yield [[], `${special} is a row, not a key`];
}

const isFittedKey = (special: unknown): special is FittedKey =>
  typeof special === "object" && special !== null;

function valuesOf(
  mapping: Exclude<IdMapping, { kind: "key" }>,
  vocabularies: FittedFeatures["vocabularies"],
): number {
  switch (mapping.kind) {
    case "vocabulary":
      return vocabularies[mapping.vocabulary].length;
    case "boundaries":
      return mapping.boundaries.length + 1;
    default:
      return mapping.size;
  }
}

function specialRow(mapping: IdMapping): number | null {
  if (mapping.kind === "vocabulary") return mapping.unknownRow;
  return mapping.kind === "integer" ? mapping.outOfRangeRow : null;
}

function isKey(digits: string): boolean {
  return BigInt.asIntN(64, BigInt(digits)) === BigInt(digits);
}

function isAscending(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || values[i - 1] < value);
}

function isDistinct(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}

function isPermutation(rows: readonly number[]): boolean {
  return isDistinct(rows) && rows.every((row) => row < rows.length);
}
