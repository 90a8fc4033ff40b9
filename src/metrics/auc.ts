import { checkBinaryInput } from "./binary-input.js";
import type { MetricResult } from "./metric.js";
import { PairCount } from "./pair-count.js";
import { sortedOrder } from "./sorted-order.js";

/**
 * Exact area under the ROC curve: the share of (positive, negative) pairs that the scores put in the right order,
 * where a tie counts one half and a pair weighs the product of its rows' weights (the Mann-Whitney U statistic).
 * Memory: 16 bytes a row beside the arguments.
 * @param scores [N] logits or probabilities; only their order matters
 * @param labels [N] 0 or 1
 * @param weights [N] optional, 1 each when left out
 * @throws MetricError on NaN scores, labels other than 0 and 1, or lengths that differ
 */
export function auc(scores: Float32Array, labels: Float32Array, weights?: Float32Array): MetricResult {
  checkBinaryInput(scores, labels, weights);
  return aucOfChecked(scores, labels, weights);
}

/** {@link auc} of arguments that {@link checkBinaryInput} has passed. */
export function aucOfChecked(
  scores: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): MetricResult {
  const order = sortedOrder(scores);
  const pairs = new PairCount();
  let tiedScore = Number.NaN;
  let positive = 0;
  let negative = 0;
  for (let i = 0; i < order.length; i++) {
    const row = order[i];
    const score = scores[row];
    if (score !== tiedScore) {
      pairs.addTie(positive, negative);
      positive = 0;
      negative = 0;
      tiedScore = score;
    }
    const weight = weights ? weights[row] : 1;
    // Without a branch on the label, which no predictor can guess: twice as fast.
    const positiveWeight = weight * labels[row];
    positive += positiveWeight;
    negative += weight - positiveWeight;
  }
  pairs.addTie(positive, negative);
  return pairs.auc();
}
