import { defined, type MetricResult, undefinedBecause } from "./metric.js";
import { meanOf } from "./pointwise.js";
import { largestOf, logSumExp } from "./softmax.js";

export interface ClassSums {
  /** Sum of weights: the number of rows if there are no weights. */
  weight: number;
  /** Sum of the weights of rows whose class has the largest logit; for ties, the first of the largest. */
  right: number;
  /** Sum of weight x log loss, in nats. */
  loss: number;
  /** [C] sum of weights. */
  byClass: Float64Array;
}

/** @param logits [N, C] row-major @param labels [N] classes @param weights [N] optional */
export function classSums(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  weights?: Float32Array,
): ClassSums {
  const sums: ClassSums = { weight: 0, right: 0, loss: 0, byClass: new Float64Array(classes) };
  for (let row = 0; row < labels.length; row++) {
    const weight = weights ? weights[row] : 1;
    if (weight === 0) continue; // 0 x infinity would be NaN
    const start = row * classes;
    sums.weight += weight;
    sums.byClass[labels[row]] += weight;
    sums.loss += weight * (logSumExp(logits, start, classes) - logits[start + labels[row]]);
    if (largestOf(logits, start, classes) === labels[row]) sums.right += weight;
  }
  return sums;
}

/** Log loss divided by the entropy of the class shares in these rows. */
export function normalizedClassEntropyOf({ weight, loss, byClass }: ClassSums): MetricResult {
  const logLoss = meanOf(loss, weight);
  if (!logLoss.defined) return logLoss;
  const shares = byClass.map((part) => part / weight);
  const entropy = shares.reduce((sum, share) => sum - (share === 0 ? 0 : share * Math.log(share)), 0);
  return entropy === 0 ? undefinedBecause("all labels are equal") : defined(logLoss.value / entropy);
}
