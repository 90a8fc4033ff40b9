import { type DynamicSpec, KEYS, type TranslationSpec } from "../graph/translation.js";
import type { DenseEmbedding } from "../layers/dense-embedding.js";
import type { Composition } from "../layers/embedding-layer.js";
import type { TableInitializer } from "../layers/initializer.js";
import type { TimeUnit } from "./instant.js";
import type { Reading } from "./reading.js";
import type { DynamicConfig } from "./schema/dynamic-table.js";
import type { TableNumbers } from "./schema/features.js";
import type { StoreConfig } from "./schema/store.js";
import type { TargetMeans } from "./target-means.js";
import type { Tokenizers } from "./tokenizer.js";

export const FITTED_VERSION = 2;

/** What values of files and requests mean, as they did in the training data. */
export interface TextRules {
  /** Texts that mean missing, when they are the whole value of a column. */
  readonly nullValues?: readonly string[];
  /** Texts that are read as one number have a decimal comma. */
  readonly decimal?: ",";
  /** White space around the whole text of a column does not count. */
  readonly trim?: true;
  /** The SQL types with which the SQL of training saw columns; `NULL` for a column without a value. */
  readonly types?: Readonly<Record<string, string>>;
  /**
   * The types of other tables, as `types` has those of rows: of events by `events/<sequence>`, of the files that SQL reads by
   * `joined/<number>`, in the order of the SQL, of those that a predicate reads by `split/<name>/joined/<number>`. Names of
   * sequences have points, but no slash.
   */
  readonly tableTypes?: TableTypes;
  /** By sequence, what the times of its events were. */
  readonly timeUnits?: Readonly<Record<string, TimeUnit>>;
  /** The SQL types of columns that text files have as values of such a type: texts of requests are read as such. */
  readonly textTypes?: Readonly<Record<string, string>>;
}

/** The types of a table of events, by which its columns are those of a history `<sequence>.<column>`. */
export const eventsTable = (sequence: string): string => `events/${sequence}`;

/** The sequence of a table of events; `undefined` for other tables. */
export const sequenceOf = (table: string): string | undefined => /^events\/([^/]*)$/.exec(table)?.[1];

/** True for columns of histories, whose entries are cells of a table of events. */
export function isHistory({ tableTypes = {} }: TextRules): (column: string) => boolean {
  const sequences = Object.keys(tableTypes).flatMap((table) => sequenceOf(table) ?? []);
  return (column) => sequences.some((sequence) => column.startsWith(`${sequence}.`));
}

/** By table, the types of its columns. */
export type TableTypes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What texts of the training data mean, for other files and for requests, by the config of its source. */
export function statedRules({ events = {}, ...rows }: StatedRules): TextRules {
  // Requests have the texts of rows and of events: these have one meaning.
  const tables = [rows, ...Object.values(events)];
  const nullValues = tables.flatMap((table) => table.nullValues ?? []);
  return {
    nullValues: nullValues.length > 0 ? [...new Set(nullValues)] : rows.nullValues,
    ...(tables.some(({ decimal }) => decimal === ",") && { decimal: "," }),
    ...(tables.some(({ trim }) => trim) && { trim: true }),
  };
}
interface StatedRules extends StatedTexts {
  /** By sequence, the table of events. */
  readonly events?: Readonly<Record<string, StatedTexts>>;
}
interface StatedTexts {
  readonly nullValues?: readonly string[];
  readonly decimal?: string;
  readonly trim?: boolean;
}

const RULES = ["nullValues", "decimal", "trim", "types", "tableTypes", "timeUnits", "textTypes"] as const;

/** Types of no column say nothing. */
const isSet = (rule: unknown) => rule !== undefined && JSON.stringify(rule) !== "{}";

/** The rules among other values, without those that are not set. */
export function textRulesOf(values: TextRules): TextRules {
  return Object.fromEntries(RULES.flatMap((key) => (isSet(values[key]) ? [[key, values[key]]] : [])));
}

/**
 * Fitted features: everything needed to turn raw values into ids and numbers, without the training data. Plain JSON,
 * saved with the model, so serving transforms values exactly as training did.
 */
export interface FittedFeatures extends TextRules {
  readonly version: typeof FITTED_VERSION;
  readonly features: readonly FittedFeature[];
  /** Vocabularies by table name; the index of a value is its row. */
  readonly vocabularies: Readonly<Record<string, readonly string[]>>;
  readonly tokenizers?: Tokenizers;
  /** By feature name. */
  readonly targetMeans?: Readonly<Record<string, TargetMeans>>;
  /** SHA-256 of the modules of custom features, by their path in the config. */
  readonly modules?: Readonly<Record<string, string>>;
}

export type FittedFeature = FittedId | FittedBag | FittedNumber;

/** What a model needs to create the embedding table of a feature. */
export interface FittedTable {
  /** Default: the feature's name. Features that share a table have the same name here and equal `rows`. */
  readonly table: string;
  /** Number of rows: those of the values, then one for unknown values, then one for missing values. */
  readonly rows: number;
  readonly dim?: number;
  readonly initializer?: TableInitializer;
  /** `false` freezes the table at its initial values. */
  readonly trainable?: boolean;
  /** Storage format of the weights; default fp32. */
  readonly dtype?: TableNumbers;
  /** How much memory the table takes in training; by default all of it is in memory. */
  readonly store?: StoreConfig;
  /** Set if two small tables take the place of the table; `rows` is then the number of ids. */
  readonly composition?: Composition;
  /**
   * Turns the ids of the feature, all below `ids`, or the keys of a dynamic table into rows. Features with one table have the
   * same. Default: ids are rows.
   */
  readonly translation?: (Exclude<TranslationSpec, DynamicSpec> & { readonly ids: number }) | FittedDynamic;
}

/** A table with a row for each of up to `capacity` keys, and row 0 for all others. */
export interface FittedDynamic extends DynamicConfig {
  readonly kind: "dynamic";
}

/**
 * How a raw value becomes an id: a row of the table, or with `key` a key of 64 bits. A `null` row means that the value is
 * refused.
 */
export type IdMapping =
  | { readonly kind: "hash"; readonly size: number }
  | { readonly kind: "key" }
  | { readonly kind: "integer"; readonly size: number; readonly outOfRangeRow: number | null }
  | {
      readonly kind: "vocabulary";
      readonly vocabulary: string;
      readonly unknownRow: number | null;
      /** Texts that are read as a value of the vocabulary. */
      readonly synonyms?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "boundaries";
      readonly boundaries: readonly number[];
      readonly nonFinite: "refuse" | "impute";
    };

/** Every id of the feature is below this; keys may be any integer of 64 bits. */
export function idLimit({ rows, translation }: FittedTable): number {
  if (translation === undefined) return rows;
  return translation.kind === "dynamic" ? KEYS : translation.ids;
}

/** A key of 64 bits, in decimal digits: JSON has no such integers. */
export interface FittedKey {
  readonly key: string;
}

/** One id per row. */
export interface FittedId extends FittedTable {
  readonly kind: "id";
  readonly name: string;
  readonly reading: Reading;
  readonly width: 1;
  readonly mapping: IdMapping;
  readonly missingRow: number | FittedKey | null;
}

/** A bag of ids per row, possibly empty. */
export interface FittedBag extends FittedTable {
  readonly kind: "ids";
  readonly name: string;
  readonly reading: Reading;
  readonly width: 1;
  readonly mapping: IdMapping;
  readonly pooling: "sum" | "mean";
  readonly maxLength?: number;
  /** An id used for bags without ids. */
  readonly missing: "empty" | "refuse" | number | FittedKey;
  /**
   * Set if the ids are entries of a sequence: every entry has an id, and of more than `maxLength` the last are kept. All
   * columns of a sequence have as many entries in a row.
   */
  readonly sequence?: {
    readonly name: string;
    /** The id of an entry without a value. */
    readonly missingEntry: number | FittedKey;
    /** Set if the entries have numbers, as weights of ids that are all 0. */
    readonly number?: EntryNumber;
  };
  /**
   * Set if the ids are within the entries of a sequence, of which the last `max` are kept: the weight of an id is the place of its
   * entry among these.
   */
  readonly within?: { readonly sequence: string; readonly max?: number };
}

/** How a raw number becomes that of the model. */
export type EntryNumber = Pick<FittedNumber, "transform" | "nonFinite"> & {
  /** The raw value that replaces a missing one. */
  readonly missing: number;
};

/** True if the ids of the feature have weights. */
export function hasWeights(feature: FittedFeature): boolean {
  const { sequence = undefined, within = undefined } = feature.kind === "ids" ? feature : {};
  return feature.reading.weighted === true || sequence?.number !== undefined || within !== undefined;
}

/** The id of a missing value, of a missing entry of a sequence, or of a bag without ids; else what becomes of them. */
export function missingOf(feature: FittedId | FittedBag): FittedId["missingRow"] | FittedBag["missing"] {
  return feature.kind === "id" ? feature.missingRow : (feature.sequence?.missingEntry ?? feature.missing);
}

/** Maps a raw finite number to the model's number. Computed in float64 and rounded to fp32 once. */
export type NumberTransform =
  | { readonly kind: "identity" }
  | { readonly kind: "log" }
  | { readonly kind: "affine"; readonly shift: number; readonly scale: number }
  | { readonly kind: "expression"; readonly expression: string };

/** `width` numbers per row. */
export interface FittedNumber {
  readonly kind: "number";
  readonly name: string;
  readonly reading: Reading;
  readonly width: number;
  readonly transform: NumberTransform;
  /** The raw value that replaces a missing one; `null` refuses the row. */
  readonly missing: number | null;
  /** The raw vector that replaces a missing one; a vector with a missing number is then refused. */
  readonly missingVector?: readonly number[];
  readonly nonFinite: "refuse" | "impute";
  readonly denseEmbedding?: DenseEmbedding;
  /** The ends of the bins of a piecewise-linear embedding, in the model's numbers, ascending. */
  readonly edges?: readonly number[];
}
