/**
 * Columns: the one shape in which examples reach an executor, whether mapped from packed files, gathered from
 * arrays of objects or received by a predictor. A column is a strided view, so that many features share one
 * row-major matrix and a shuffled row costs one or two cache lines.
 */

/** The numbers of one feature: row r is `data[offset + r*stride … + width)`. */
export interface FloatColumn {
  readonly kind: "number";
  readonly data: Float32Array;
  readonly offset: number;
  readonly stride: number;
  readonly width: number;
}

/** Ids of 32 bits, or of 64 for tables of more than 2^31 rows. */
export type Ids = Int32Array | BigInt64Array;

/** One id a row, already mapped to `[0, buckets)`: row r is `data[offset + r*stride]`. */
export interface IdColumn {
  readonly kind: "id";
  readonly data: Ids;
  readonly offset: number;
  readonly stride: number;
}

/** A bag of ids a row (possibly empty): row r is `values[offsets[r] … offsets[r+1])`. */
export interface BagColumn {
  readonly kind: "ids";
  readonly values: Ids;
  /** `rows + 1` ascending positions in `values`. */
  readonly offsets: BigUint64Array;
  /** The weight of each of `values`; absent: all weigh 1. */
  readonly weights?: Float32Array;
}

/** The column of targets, one number for each label, and that of the sample weight. */
export const LABEL_COLUMN = "@label";
export const WEIGHT_COLUMN = "@weight";

export type Column = FloatColumn | IdColumn | BagColumn;

/** Examples ready for an executor: every column has `rows` rows. */
export interface ColumnSet {
  readonly rows: number;
  /** Equal for the same rows in the same order, and for no others; of packed data. */
  readonly fingerprint?: string;
  readonly columns: ReadonlyMap<string, Column>;
}
