import { aucOfChecked } from "./auc.js";
import { checkBinaryInput } from "./binary-input.js";
import { binarySums } from "./binary-sums.js";
import { calibrationOf } from "./calibration.js";
import type { Evaluation } from "./evaluation.js";
import { groupedAucOf } from "./grouped-auc.js";
import { groupRows } from "./groups.js";
import { logLossOf } from "./log-loss.js";
import { defined, undefinedBecause } from "./metric.js";
import { normalizedEntropyOf } from "./normalized-entropy.js";
import { accuracyOf, meanAbsoluteErrorOf, meanSquaredErrorOf } from "./pointwise.js";
import { recallAtKOf } from "./recall-at-k.js";

/** What metrics within groups need. */
export interface Groups {
  /** [N] equal numbers are one group. */
  readonly of: Int32Array;
  /** The k's of recall@k. */
  readonly recallAt: readonly number[];
}

/**
 * All binary metrics: the arguments are checked once, the sums come from one pass and the AUC from one sort.
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
  const mean = (sum: number) =>
    sums.weight === 0 ? undefinedBecause("no rows with weight") : defined(sum / sums.weight);
  return {
    rows: logits.length,
    auc: aucOfChecked(logits, labels, weights),
    logLoss: logLossOf(sums),
    normalizedEntropy: normalizedEntropyOf(sums),
    calibration: calibrationOf(sums),
    baseRate: mean(sums.positive),
    meanPrediction: mean(sums.predicted),
    accuracy: accuracyOf(logits, labels, weights),
    meanAbsoluteError: meanAbsoluteErrorOf(sums),
    meanSquaredError: meanSquaredErrorOf(sums),
    ...(groups && groupedMetrics(groups, logits, labels, weights)),
  };
}

function groupedMetrics(
  { of, recallAt }: Groups,
  logits: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): Pick<Evaluation, "groupedAuc" | "recallAt"> {
  const grouping = groupRows(of);
  return {
    groupedAuc: groupedAucOf(grouping, logits, labels, weights),
    recallAt: Object.fromEntries(recallAt.map((k) => [k, recallAtKOf(grouping, logits, labels, k)])),
  };
}
