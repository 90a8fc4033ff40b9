/**
 * Columns: the format in which executors read examples, whether mapped from packed files, gathered from arrays of
 * objects or received by a predictor. A column is a strided view: several features share one row-major matrix, and a
 * shuffled row costs one or two cache lines.
 */

/** The numbers of one feature: row r is `data[offset + r*stride … + width)`. */
export interface FloatColumn {
  readonly kind: "number";
  readonly data: Float32Array;
  readonly offset: number;
  readonly stride: number;
  readonly width: number;
}

/** 32-bit ids, or 64-bit ids for tables with more than 2^31 rows. */
export type Ids = Int32Array | BigInt64Array;

/** One id per row, already mapped to `[0, buckets)`: row r is `data[offset + r*stride]`. */
export interface IdColumn {
  readonly kind: "id";
  readonly data: Ids;
  readonly offset: number;
  readonly stride: number;
}

/** A bag of ids per row (possibly empty): row r is `values[offsets[r] … offsets[r+1])`. */
export interface BagColumn {
  readonly kind: "ids";
  readonly values: Ids;
  /** `rows + 1` ascending positions in `values`. */
  readonly offsets: BigUint64Array;
  /** One weight per element of `values`; absent: all weights are 1. */
  readonly weights?: Float32Array;
}

/** The target column, one number per label, and the column of row weights. */
export const LABEL_COLUMN = "@label";
export const WEIGHT_COLUMN = "@weight";

export type Column = FloatColumn | IdColumn | BagColumn;

/** Examples ready for an executor: every column has `rows` rows. */
export interface ColumnSet {
  readonly rows: number;
  /** Identifies the rows and their order; only for packed data. */
  readonly fingerprint?: string;
  readonly columns: ReadonlyMap<string, Column>;
}
