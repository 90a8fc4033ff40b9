import type { DenseEmbedding } from "../layers/dense-embedding.js";
import type { TableInitializer } from "../layers/initializer.js";
import type { Reading } from "./reading.js";
import type { TableNumbers } from "./schema/features.js";
import type { Tokenizers } from "./tokenizer.js";

export const FITTED_VERSION = 2;

/**
 * Features after fitting: all that turning a raw value into an id or a number needs, and nothing that refers back to
 * the training data. Plain JSON, saved with the model, so that serving transforms as training did.
 */
export interface FittedFeatures {
  readonly version: typeof FITTED_VERSION;
  readonly features: readonly FittedFeature[];
  /** Vocabularies by table name; a value's row is its index. */
  readonly vocabularies: Readonly<Record<string, readonly string[]>>;
  readonly tokenizers?: Tokenizers;
}

export type FittedFeature = FittedId | FittedBag | FittedNumber;

/** What a model needs to make the embedding table of a feature. */
export interface FittedTable {
  /** The table's name: the feature's own unless it shares one. Features with one name have equal `rows`. */
  readonly table: string;
  /** Rows of the table: the values' rows, then the row of unknown values, then the row of missing values. */
  readonly rows: number;
  readonly dim?: number;
  readonly initializer?: TableInitializer;
  /** `false`: the table stays as it starts. */
  readonly trainable?: boolean;
  /** How the table keeps its numbers; default fp32. */
  readonly dtype?: TableNumbers;
}

/** How a raw value becomes a row of the table; a `null` row means that the value is refused. */
export type IdMapping =
  | { readonly kind: "hash"; readonly size: number }
  | { readonly kind: "integer"; readonly size: number; readonly outOfRangeRow: number | null }
  | { readonly kind: "vocabulary"; readonly vocabulary: string; readonly unknownRow: number | null }
  | {
      readonly kind: "boundaries";
      readonly boundaries: readonly number[];
      readonly nonFinite: "refuse" | "impute";
    };

/** One id a row. */
export interface FittedId extends FittedTable {
  readonly kind: "id";
  readonly name: string;
  readonly reading: Reading;
  readonly width: 1;
  readonly mapping: IdMapping;
  readonly missingRow: number | null;
}

/** A bag of ids a row, possibly empty. */
export interface FittedBag extends FittedTable {
  readonly kind: "ids";
  readonly name: string;
  readonly reading: Reading;
  readonly width: 1;
  readonly mapping: IdMapping;
  readonly pooling: "sum" | "mean";
  readonly maxLength?: number;
  /** A number is the row that stands in a bag without ids. */
  readonly missing: "empty" | "refuse" | number;
}

/** The function from a raw finite number to the model's number, computed in f64 and rounded to fp32 once. */
export type NumberTransform =
  | { readonly kind: "identity" }
  | { readonly kind: "log" }
  | { readonly kind: "affine"; readonly shift: number; readonly scale: number }
  | { readonly kind: "expression"; readonly expression: string };

/** `width` numbers a row. */
export interface FittedNumber {
  readonly kind: "number";
  readonly name: string;
  readonly reading: Reading;
  readonly width: number;
  readonly transform: NumberTransform;
  /** The raw value that stands for a missing one; `null` refuses the row. */
  readonly missing: number | null;
  readonly nonFinite: "refuse" | "impute";
  readonly denseEmbedding?: DenseEmbedding;
}
