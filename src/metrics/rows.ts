import type { BinarySums } from "./binary-sums.js";
import type { ClassAuc } from "./class-auc.js";
import type { ClassSums } from "./class-sums.js";
import type { Grouping } from "./groups.js";
import type { PointwiseSums } from "./pointwise.js";

/* Checked rows with scores, and cached sums and sorts that several metrics use. */

interface Rows {
  /** [N] */
  readonly labels: Float32Array;
  /** [N], absent if all rows have weight 1. */
  readonly weights?: Float32Array;
}

/** Rows with one logit and labels 0 or 1. */
export interface ProbabilityRows extends Rows {
  /** [N] before the sigmoid. */
  readonly logits: Float32Array;
  readonly sums: BinarySums;
  readonly grouping?: Grouping;
}

/** Rows with one logit per class; labels are class ids. */
export interface ClassRows extends Rows {
  readonly sums: ClassSums;
  readonly auc: ClassAuc;
  /** [N] the logit of class 1 minus that of class 0, where these are the classes. */
  readonly margins?: Float32Array;
  readonly grouping?: Grouping;
}

/** Rows with a predicted number; labels are any numbers. */
export interface NumberRows extends Rows {
  /** [N] */
  readonly predictions: Float32Array;
  readonly sums: PointwiseSums;
  /** Sum of weight x prediction. */
  readonly predicted: number;
}
