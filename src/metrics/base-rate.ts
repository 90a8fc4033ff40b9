import { checkBinaryInput } from "./binary-input.js";
import { defined, type MetricResult, undefinedBecause } from "./metric.js";

/** Entropy, in nats, of a coin with this rate. */
export function binaryEntropy(rate: number): number {
  return crossEntropyOfRates(rate, rate);
}

/** Weighted share of positive labels. @param labels [N] 0 or 1 */
export function baseRate(labels: Float32Array, weights?: Float32Array): MetricResult {
  checkBinaryInput(labels, labels, weights);
  let total = 0;
  let positive = 0;
  for (let row = 0; row < labels.length; row++) {
    const weight = weights ? weights[row] : 1;
    total += weight;
    positive += weight * labels[row];
  }
  return total === 0 ? undefinedBecause("no rows with weight") : defined(positive / total);
}

/**
 * The baseline that a model must beat: the log loss, in nats, of predicting for every row the base rate of ANOTHER
 * split (such as the training split's rate for test labels; a split's own rate would use its labels).
 * @param rate base rate of the other split, 0 to 1
 * @param labels [N] of this split
 */
export function baseRateLogLoss(rate: number, labels: Float32Array, weights?: Float32Array): MetricResult {
  const own = baseRate(labels, weights);
  if (!own.defined) return own;
  const loss = crossEntropyOfRates(own.value, rate);
  if (loss !== Number.POSITIVE_INFINITY) return defined(loss);
  return undefinedBecause(`the other split's labels are all ${rate}, and these are not`);
}

/** -(p log q + (1 - p) log(1 - q)) with 0 log 0 = 0. */
function crossEntropyOfRates(p: number, q: number): number {
  const term = (share: number, predicted: number) => (share === 0 ? 0 : -share * Math.log(predicted));
  return term(p, q) + term(1 - p, 1 - q);
}
