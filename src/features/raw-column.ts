import type { IdTarget, Target } from "./id-target.js";
import type { RefusalCode } from "./refusal.js";
import type { DenseTransform, IdTransform } from "./transform.js";

/** Columns of raw values for a batch of rows, from JavaScript or DuckDB. Feature encoders read these. */
export type RawColumn = RawValues | RawLists;

/** One value per row. */
export interface RawValues {
  readonly rows: number;
  /** Writes ids or refusals, `missing` for missing values. Returns the number of rows without an id. */
  ids(transform: IdTransform, missing: number, results: IdTarget): number;
  /** Writes the model's numbers, NaN for refused rows. Returns the number of NaNs. */
  numbers(transform: DenseTransform, results: Target<Float32Array>): number;
  /** Only for a column of numbers. */
  isMissing(row: number): boolean;
  /** Converts the column to JavaScript values for features that read this one. */
  values(): readonly unknown[];
}

/** One list per row. */
export interface RawLists {
  readonly elements: RawValues;
  /** Row r holds elements `[startOf(r), endOf(r))`. */
  startOf(row: number): number;
  endOf(row: number): number;
  /** Returns the weight of element i in a list of weighted ids, NaN if it is not a number. Absent for other lists. */
  readonly weightOf?: (row: number, i: number) => number;
  /** Why a row has no list: `missing` or `wrongType`; 0 if it has one. */
  absence(row: number): 0 | RefusalCode;
  /** Of ids within the entries of a sequence, the number of entries, those that are left out included. */
  entries?(row: number): number;
  /** How many elements, or entries, before the first one are left out. Absent: none. */
  cut?(row: number): number;
  values(): readonly unknown[];
}
