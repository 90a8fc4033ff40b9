import { defined, type MetricResult, undefinedBecause } from "./metric.js";

/** Weighted sums over rows, used by accuracy and the mean errors. */
export interface PointwiseSums {
  /** Sum of weights: the number of rows if there are no weights. */
  weight: number;
  /** Sum of weight x |prediction - label|. */
  absolute: number;
  /** Sum of weight x (prediction - label)². */
  squared: number;
}

/**
 * One pass, in float64.
 * @param predictions [N] on the scale of the labels (probabilities for binary labels)
 * @param labels [N]
 * @param weights [N] optional
 */
export function pointwiseSums(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
): PointwiseSums {
  const sums: PointwiseSums = { weight: 0, absolute: 0, squared: 0 };
  for (let row = 0; row < labels.length; row++) {
    const weight = weights ? weights[row] : 1;
    const error = Math.abs(predictions[row] - labels[row]);
    sums.weight += weight;
    sums.absolute += weight * error;
    sums.squared += weight * error * error;
  }
  return sums;
}

export const meanAbsoluteErrorOf = ({ weight, absolute }: PointwiseSums) => meanOf(absolute, weight);
export const meanSquaredErrorOf = ({ weight, squared }: PointwiseSums) => meanOf(squared, weight);

/**
 * Weighted share of rows that a probability threshold of 1/2 classifies correctly.
 * @param logits [N]
 * @param labels [N] 0 or 1
 */
export function accuracyOf(logits: Float32Array, labels: Float32Array, weights?: Float32Array): MetricResult {
  let total = 0;
  let right = 0;
  for (let row = 0; row < labels.length; row++) {
    const weight = weights ? weights[row] : 1;
    total += weight;
    right += weight * Number(logits[row] > 0 === (labels[row] === 1)); // no branch, because it would be unpredictable
  }
  return meanOf(right, total);
}

/** Divides a weighted sum by the sum of weights. */
export function meanOf(sum: number, weight: number): MetricResult {
  return weight === 0 ? undefinedBecause("no rows with weight") : defined(sum / weight);
}
