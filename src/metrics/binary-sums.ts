import type { PointwiseSums } from "./pointwise.js";

/** Weighted sums over rows, used by log loss, normalized entropy, calibration and mean errors. */
export interface BinarySums extends PointwiseSums {
  /** Sum of weight x label. */
  positive: number;
  /** Sum of weight x predicted probability. */
  predicted: number;
  /** Sum of weight x log loss, in nats. */
  loss: number;
}

/** 1 / (1 + exp(-x)); if exp(-x) overflows to infinity, the quotient is correctly 0. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/**
 * One pass over checked rows, in float64. The loss of a row is log(1 + exp(-z)) for label 1 and log(1 + exp(z)) for
 * label 0, each computed as max(x, 0) + log1p(exp(-|x|)). This equals the cross entropy of sigmoid(z), is exact where
 * sigmoid(z) rounds to 0 or 1, and avoids infinity minus infinity at infinite logits.
 */
export function binarySums(logits: Float32Array, labels: Float32Array, weights?: Float32Array): BinarySums {
  const sums: BinarySums = { weight: 0, positive: 0, predicted: 0, loss: 0, absolute: 0, squared: 0 };
  for (let row = 0; row < logits.length; row++) {
    const weight = weights ? weights[row] : 1;
    if (weight === 0) continue; // 0 x infinity would be NaN
    const z = logits[row];
    const label = labels[row];
    // One exponential is used for both the sigmoid and the loss.
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
