import { aucOfChecked } from "./auc.js";
import { checkBinaryInput } from "./binary-input.js";
import { binarySums } from "./binary-sums.js";
import { calibrationOf } from "./calibration.js";
import { logLossOf } from "./log-loss.js";
import { defined, type MetricResult, undefinedBecause } from "./metric.js";
import { normalizedEntropyOf } from "./normalized-entropy.js";

/** Every metric of a binary objective over one split. */
export interface BinaryEvaluation {
  /** Rows seen, whatever their weight. */
  rows: number;
  auc: MetricResult;
  /** Nats per row. */
  logLoss: MetricResult;
  normalizedEntropy: MetricResult;
  /** Mean predicted probability over mean label. */
  calibration: MetricResult;
  /** Weighted share of positive labels. */
  baseRate: MetricResult;
  /** Weighted mean of sigmoid(logit). */
  meanPrediction: MetricResult;
}

/**
 * All binary metrics: the arguments are checked once, the sums come from one pass and the AUC from one sort.
 * @param logits [N] before the sigmoid
 * @param labels [N] 0 or 1
 * @param weights [N] optional
 * @throws MetricError on NaN logits, labels other than 0 and 1, bad weights, or lengths that differ
 */
export function evaluateBinary(
  logits: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): BinaryEvaluation {
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
  };
}
