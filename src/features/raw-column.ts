import type { RefusalCode } from "./refusal.js";
import type { DenseTransform, IdTransform } from "./transform.js";

/** Columns of raw values of some rows, from JavaScript or from DuckDB: what the encoders of features read. */
export type RawColumn = RawValues | RawLists;

/** Where a column's results lie in a row-major matrix: row r at `data[offset + r*stride]`. */
export interface Target<Values> {
  readonly data: Values;
  readonly offset: number;
  readonly stride: number;
}

/** One value per row. */
export interface RawValues {
  readonly rows: number;
  /** Ids or refusals, `missing` where a value is missing. Returns how many are negative. */
  ids(transform: IdTransform, missing: number, results: Target<Int32Array>): number;
  /** Numbers of the model, NaN where one is refused. Returns how many are NaN. */
  numbers(transform: DenseTransform, results: Target<Float32Array>): number;
  /** In a column of numbers. */
  isMissing(row: number): boolean;
  /** As JavaScript values, for features that read this one. */
  values(): readonly unknown[];
}

/** One list per row. */
export interface RawLists {
  readonly elements: RawValues;
  /** Row r holds the elements `[startOf(r), endOf(r))`. */
  startOf(row: number): number;
  endOf(row: number): number;
  /** The weight of element i of a row's list of weighted ids, NaN for what is not a number; else there is none. */
  readonly weightOf?: (row: number, i: number) => number;
  /** Why a row has no list: `missing`, or `wrongType`; 0 where it has one. */
  absence(row: number): 0 | RefusalCode;
  values(): readonly unknown[];
}
