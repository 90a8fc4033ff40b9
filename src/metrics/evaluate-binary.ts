import { checkBinaryInput } from "./binary-input.js";
import { binarySums } from "./binary-sums.js";
import { type Evaluation, evaluateRows } from "./evaluation.js";
import { type Grouping, groupRows } from "./groups.js";
import type { MetricResult } from "./metric.js";
import { recallAtKOf } from "./recall-at-k.js";

/** Settings of grouped metrics. */
export interface Groups {
  /** [N] rows with equal numbers form a group. */
  readonly of: Int32Array | Float64Array;
  /** The values of k for recall@k. */
  readonly recallAt: readonly number[];
}

/**
 * All binary metrics. Arguments are checked once; the sums need one pass and the AUC one sort.
 * @param logits [N] before the sigmoid
 * @param labels [N] 0 or 1
 * @param weights [N] optional
 * @param groups optional: adds the grouped metrics
 * @throws MetricError on NaN logits, labels other than 0 and 1, bad weights, or lengths that differ
 */
export function evaluateBinary(
  logits: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
  groups?: Groups,
): Evaluation {
  checkBinaryInput(logits, labels, weights);
  const sums = binarySums(logits, labels, weights);
  const grouping = groups && groupRows(groups.of);
  const rows = { logits, labels, weights, sums, grouping };
  const evaluation = evaluateRows("probabilities", logits.length, ({ probabilities }) =>
    probabilities?.(rows),
  );
  return grouping
    ? { ...evaluation, recallAt: recallsOf(grouping, logits, labels, groups.recallAt) }
    : evaluation;
}

/** Recall@k by k. */
export function recallsOf(
  grouping: Grouping,
  scores: Float32Array,
  labels: Float32Array,
  recallAt: readonly number[],
): Record<number, MetricResult> {
  return Object.fromEntries(recallAt.map((k) => [k, recallAtKOf(grouping, scores, labels, k)]));
}
