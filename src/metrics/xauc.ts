import { defined, type MetricResult, undefinedBecause } from "./metric.js";
import { sortedOrder } from "./sorted-order.js";

/**
 * The share of pairs of rows with different labels that the scores rank in the order of the labels; tied scores count
 * one half. For binary labels it equals the AUC. Zhan et al., "Deconfounding Duration Bias in Watch-time Prediction for
 * Video Recommendation", KDD 2022, section 5.1.3. O(N log N) with a binary indexed tree over the ranks of the scores.
 * @param scores [N] without NaN
 * @param labels [N] without NaN
 * @param weights [N] optional; a pair has the product
 */
export function xauc(scores: Float32Array, labels: Float32Array, weights?: Float32Array): MetricResult {
  const ranks = ranksOf(scores);
  const below = new PrefixSums(scores.length + 1);
  const order = sortedOrder(labels);
  let all = 0;
  let right = 0;
  let seen = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && labels[order[end]] === labels[order[start]]) end++;
    const equal = order.subarray(start, end);
    for (const row of equal) {
      const weight = weights ? weights[row] : 1;
      const [lower, lowerOrEqual] = [below.until(ranks[row]), below.until(ranks[row] + 1)];
      right += (weight * (lower + lowerOrEqual)) / 2;
      all += weight * seen;
    }
    for (const row of equal) {
      const weight = weights ? weights[row] : 1;
      below.add(ranks[row], weight);
      seen += weight;
    }
    start = end;
  }
  return all === 0 ? undefinedBecause("no pair of rows with different labels") : defined(right / all);
}

/** The rank of each score: 0 for the lowest; equal scores have the same rank. */
function ranksOf(scores: Float32Array): Uint32Array {
  const order = sortedOrder(scores);
  const ranks = new Uint32Array(scores.length);
  let rank = 0;
  for (let i = 0; i < order.length; i++) {
    if (i > 0 && scores[order[i]] !== scores[order[i - 1]]) rank++;
    ranks[order[i]] = rank;
  }
  return ranks;
}

/** Prefix sums of an array that changes. Fenwick, 1994. */
class PrefixSums {
  private readonly tree: Float64Array;

  constructor(length: number) {
    this.tree = new Float64Array(length + 1);
  }

  add(index: number, value: number): void {
    for (let i = index + 1; i < this.tree.length; i += i & -i) this.tree[i] += value;
  }

  /** Sum of the elements before `end`. */
  until(end: number): number {
    let sum = 0;
    for (let i = end; i > 0; i -= i & -i) sum += this.tree[i];
    return sum;
  }
}
