import { binaryEntropy } from "./base-rate.js";
import { checkBinaryInput } from "./binary-input.js";
import { type BinarySums, binarySums } from "./binary-sums.js";
import { defined, type MetricResult, undefinedBecause } from "./metric.js";

/**
 * Log loss divided by the entropy of these rows' base rate: 1 is no better than predicting the base rate, lower is
 * better. He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, section 3.
 * @param logits [N]
 * @param labels [N] 0 or 1
 * @param weights [N] optional
 * @throws MetricError as {@link checkBinaryInput}
 */
export function normalizedEntropy(
  logits: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): MetricResult {
  checkBinaryInput(logits, labels, weights);
  return normalizedEntropyOf(binarySums(logits, labels, weights));
}

export function normalizedEntropyOf({ weight, positive, loss }: BinarySums): MetricResult {
  if (weight === 0) return undefinedBecause("no rows with weight");
  if (positive === weight) return undefinedBecause("all labels are 1");
  if (positive === 0) return undefinedBecause("all labels are 0");
  return defined(loss / weight / binaryEntropy(positive / weight));
}
