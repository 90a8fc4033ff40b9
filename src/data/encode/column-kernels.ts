import type { Target } from "../../features/raw-column.js";
import type { DenseTransform, TextTransform } from "../../features/transform.js";
import type { NumberVector, TextVector } from "../source/vectors.js";

/** Transforms of whole columns, natively or in plain TypeScript; the results are the same bits. */
export interface ColumnKernels {
  /** Ids or refusals of texts, `missing` for those that are null or empty. Returns how many are negative. */
  texts(vector: TextVector, transform: TextTransform, missing: number, ids: Target<Int32Array>): number;
  /** Numbers of the model, NaN where one is refused. Returns how many are NaN. */
  numbers(vector: NumberVector, transform: DenseTransform, results: Target<Float32Array>): number;
}
