import { checkBinaryInput } from "./binary-input.js";
import type { MetricResult } from "./metric.js";
import { PairCount } from "./pair-count.js";
import { sortedKeys, sortedOrder } from "./sorted-order.js";

/**
 * Exact area under the ROC curve (the Mann-Whitney U statistic): the share of (positive, negative) pairs that the
 * scores rank correctly. A tie counts one half; a pair has the product of its rows' weights. Memory: 16 bytes per row
 * besides the arguments.
 * @param scores [N] logits or probabilities; only their order matters
 * @param labels [N] 0 or 1
 * @param weights [N] optional; default 1
 * @throws MetricError on NaN scores, labels other than 0 and 1, or lengths that differ
 */
export function auc(scores: Float32Array, labels: Float32Array, weights?: Float32Array): MetricResult {
  checkBinaryInput(scores, labels, weights);
  return aucOfChecked(scores, labels, weights);
}

/** {@link auc} for arguments already checked by {@link checkBinaryInput}. */
export function aucOfChecked(
  scores: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): MetricResult {
  const pairs = isWeighted(weights) ? weightedPairs(scores, labels, weights) : rowPairs(scores, labels);
  return pairs.auc();
}

/** Packed data without a weight column has weight 1 in every row. */
function isWeighted(weights: Float32Array | undefined): weights is Float32Array {
  if (weights) for (let row = 0; row < weights.length; row++) if (weights[row] !== 1) return true;
  return false;
}

function weightedPairs(scores: Float32Array, labels: Float32Array, weights: Float32Array): PairCount {
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
    // No branch on the label: the branch would be unpredictable, and the loop twice as slow.
    const positiveWeight = weights[row] * labels[row];
    positive += positiveWeight;
    negative += weights[row] - positiveWeight;
  }
  pairs.addTie(positive, negative);
  return pairs;
}

/** Without weights: sorts the scores of each label separately and merges them, with no lookup of rows. */
function rowPairs(scores: Float32Array, labels: Float32Array): PairCount {
  const [positives, negatives] = byLabel(scores, labels).map(sortedKeys);
  const pairs = new PairCount();
  for (let p = 0, n = 0; p < positives.length || n < negatives.length; ) {
    const [fromPositive, fromNegative] = [p, n];
    const key = n === negatives.length || positives[p] < negatives[n] ? positives[p] : negatives[n];
    while (positives[p] === key) p++;
    while (negatives[n] === key) n++;
    pairs.addTie(p - fromPositive, n - fromNegative);
  }
  return pairs;
}

/** The scores of positives, then those of negatives. */
function byLabel(scores: Float32Array, labels: Float32Array): [Float32Array, Float32Array] {
  let count = 0;
  for (let row = 0; row < labels.length; row++) count += labels[row];
  // One spare element, because every score is written to both arrays and kept in one.
  const positives = new Float32Array(count + 1);
  const negatives = new Float32Array(labels.length - count + 1);
  for (let row = 0, p = 0; row < labels.length; row++) {
    positives[p] = scores[row];
    negatives[row - p] = scores[row];
    p += labels[row];
  }
  return [positives.subarray(0, count), negatives.subarray(0, labels.length - count)];
}
