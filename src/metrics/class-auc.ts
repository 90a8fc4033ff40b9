import { defined, type MetricResult, undefinedBecause } from "./metric.js";
import { sortedOrder } from "./sorted-order.js";

/** AUCs of multi-class probabilities. */
export interface ClassAuc {
  /** Mean over classes of the AUC of the class against all others, ranked by its probability. */
  readonly oneVersusRest: MetricResult;
  /** The same, weighted by the rows of each class. */
  readonly weighted: MetricResult;
  /** Mean over pairs of classes i, j of the mean of two AUCs: ranked by the probability of i, and of j. */
  readonly oneVersusOne: MetricResult;
}

/**
 * One-versus-rest as in torchmetrics' multiclass AUROC (`macro` and `weighted`), exact instead of at thresholds;
 * one-versus-one after Hand & Till, "A Simple Generalisation of the Area Under the ROC Curve for Multiple Class
 * Classification Problems", Machine Learning 45, 2001, equation 7. Classes without rows are ignored. Ties count one
 * half. One sort per class: O(C N log N) time, and memory for C² sums.
 * @param probabilities [N, C] row-major
 * @param labels [N] classes
 * @param weights [N] optional; a pair has the product
 */
export function classAuc(
  probabilities: Float32Array,
  labels: Float32Array,
  classes: number,
  weights?: Float32Array,
): ClassAuc {
  const support = supportOf(labels, classes, weights);
  const ordered = Array.from({ length: classes }, (_, c) =>
    orderedPairs(column(probabilities, c, classes), labels, c, classes, weights),
  );
  const present = [...support.keys()].filter((c) => support[c] > 0);
  if (present.length < 2) {
    const none = undefinedBecause(
      present.length === 0 ? "no rows with weight" : `all labels are ${present[0]}`,
    );
    return { oneVersusRest: none, weighted: none, oneVersusOne: none };
  }
  const total = support.reduce((sum, weight) => sum + weight, 0);
  const rest = present.map((c) => sum(ordered[c]) / (support[c] * (total - support[c])));
  const shares = present.map((c, i) => rest[i] * (support[c] / total));
  const pairs = present.flatMap((i) =>
    present.flatMap((j) => (i === j ? [] : [ordered[i][j] / (support[i] * support[j])])),
  );
  return {
    oneVersusRest: defined(sum(rest) / rest.length),
    weighted: defined(sum(shares)),
    oneVersusOne: defined(sum(pairs) / pairs.length),
  };
}

/** [C] for each other class: the weight of pairs in which the row of `own` has the higher score. */
function orderedPairs(
  scores: Float32Array,
  labels: Float32Array,
  own: number,
  classes: number,
  weights?: Float32Array,
): Float64Array {
  const order = sortedOrder(scores);
  const ordered = new Float64Array(classes);
  /** Weight of the rows of `own` with a higher score. */
  let above = 0;
  for (let end = order.length; end > 0; ) {
    let start = end - 1;
    while (start > 0 && scores[order[start - 1]] === scores[order[start]]) start--;
    const tied = order.subarray(start, end);
    let level = 0;
    for (const row of tied) if (labels[row] === own) level += weights ? weights[row] : 1;
    for (const row of tied) {
      if (labels[row] !== own) ordered[labels[row]] += (weights ? weights[row] : 1) * (above + level / 2);
    }
    above += level;
    end = start;
  }
  return ordered;
}

function supportOf(labels: Float32Array, classes: number, weights?: Float32Array): Float64Array {
  const support = new Float64Array(classes);
  for (let row = 0; row < labels.length; row++) support[labels[row]] += weights ? weights[row] : 1;
  return support;
}

function column(matrix: Float32Array, c: number, columns: number): Float32Array {
  const values = new Float32Array(matrix.length / columns);
  for (let row = 0; row < values.length; row++) values[row] = matrix[row * columns + c];
  return values;
}

function sum(values: ArrayLike<number> & Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
