import type { IdTarget, Target } from "../../features/id-target.js";
import type { DenseTransform, TextTransform } from "../../features/transform.js";
import type { NumberVector, ParsedNumbers, TextVector } from "../source/vectors.js";

/** Transforms of whole columns, in native code or plain TypeScript, with bit-identical results. */
export interface ColumnKernels {
  /** Maps texts to ids or refusals, null and empty texts to `missing`. Returns the number of rows without an id. */
  texts(vector: TextVector, transform: TextTransform, missing: number, ids: IdTarget): number;
  /** Reads texts as numbers; blank ones are null, and texts of NaN too if `nanIsMissing`. */
  parse(vector: TextVector, nanIsMissing: boolean): ParsedNumbers;
  /** Transforms to the model's numbers, NaN if refused. Returns the number of NaNs. */
  numbers(
    vector: NumberVector | ParsedNumbers,
    transform: DenseTransform,
    results: Target<Float32Array>,
  ): number;
}
