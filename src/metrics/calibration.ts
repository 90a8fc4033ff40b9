import { checkBinaryInput } from "./binary-input.js";
import { type BinarySums, binarySums } from "./binary-sums.js";
import { defined, type MetricResult, undefinedBecause } from "./metric.js";

/**
 * Mean predicted probability divided by mean label: 1 is calibrated on average, above 1 predicts too many positives. He
 * et al., ADKDD 2014, section 3.
 * @param logits [N]
 * @param labels [N] 0 or 1
 * @param weights [N] optional
 * @throws MetricError as {@link checkBinaryInput}
 */
export function calibration(
  logits: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): MetricResult {
  checkBinaryInput(logits, labels, weights);
  return calibrationOf(binarySums(logits, labels, weights));
}

export function calibrationOf({ weight, positive, predicted }: BinarySums): MetricResult {
  if (weight === 0) return undefinedBecause("no rows with weight");
  return positive === 0 ? undefinedBecause("all labels are 0") : defined(predicted / positive);
}
