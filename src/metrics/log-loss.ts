import { checkBinaryInput } from "./binary-input.js";
import { type BinarySums, binarySums } from "./binary-sums.js";
import { defined, type MetricResult, undefinedBecause } from "./metric.js";

/**
 * Weighted mean cross entropy of sigmoid(logits) against the labels, in nats.
 * @param logits [N] before the sigmoid
 * @param labels [N] 0 or 1
 * @param weights [N] optional
 * @throws MetricError as {@link checkBinaryInput}
 */
export function logLoss(logits: Float32Array, labels: Float32Array, weights?: Float32Array): MetricResult {
  checkBinaryInput(logits, labels, weights);
  return logLossOf(binarySums(logits, labels, weights));
}

export function logLossOf({ weight, loss }: BinarySums): MetricResult {
  return weight === 0 ? undefinedBecause("no rows with weight") : defined(loss / weight);
}
