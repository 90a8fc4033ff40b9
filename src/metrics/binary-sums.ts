import type { PointwiseSums } from "./pointwise.js";

/** The weighted sums over rows from which log loss, normalised entropy, calibration and mean errors follow. */
export interface BinarySums extends PointwiseSums {
  /** Sum of weight x label. */
  positive: number;
  /** Sum of weight x predicted probability. */
  predicted: number;
  /** Sum of weight x log loss, in nats. */
  loss: number;
}

/** 1 / (1 + exp(-x)); exp(-x) may overflow to infinity, and then the quotient is the right limit, 0. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/**
 * One pass over checked rows, in float64.
 * The loss of a row is log(1 + exp(-z)) for label 1 and log(1 + exp(z)) for label 0, each as max(x, 0) +
 * log1p(exp(-|x|)): equal to the cross entropy of sigmoid(z), exact where sigmoid(z) rounds to 0 or 1, and free of
 * infinity minus infinity at infinite logits.
 */
export function binarySums(logits: Float32Array, labels: Float32Array, weights?: Float32Array): BinarySums {
  const sums: BinarySums = { weight: 0, positive: 0, predicted: 0, loss: 0, absolute: 0, squared: 0 };
  for (let row = 0; row < logits.length; row++) {
    const weight = weights ? weights[row] : 1;
    if (weight === 0) continue; // 0 x infinity would be NaN
    const z = logits[row];
    const label = labels[row];
    // One exponential serves the sigmoid and the loss.
    const e = Math.exp(-Math.abs(z));
    const predicted = (z > 0 ? 1 : e) / (1 + e);
    const error = Math.abs(predicted - label);
    sums.weight += weight;
    sums.positive += weight * label;
    sums.predicted += weight * predicted;
    sums.loss += weight * (Math.max(label === 1 ? -z : z, 0) + Math.log1p(e));
    sums.absolute += weight * error;
    sums.squared += weight * error * error;
  }
  return sums;
}
