import { checkClassInput } from "./binary-input.js";
import { classAuc } from "./class-auc.js";
import type { Evaluation } from "./evaluation.js";
import { defined, type MetricResult, undefinedBecause } from "./metric.js";
import { largestOf, logSumExp, softmaxRows } from "./softmax.js";

/**
 * The metrics of a model that gives every class a probability.
 * @param logits [N, C] before the softmax, row-major
 * @param labels [N] classes, whole numbers from 0 to C - 1
 * @param weights [N] optional
 * @throws MetricError on NaN logits, labels that are no class, bad weights, or lengths that differ
 */
export function evaluateClasses(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  weights?: Float32Array,
): Evaluation {
  checkClassInput(logits, labels, classes, weights);
  const { weight, right, loss, byClass } = classSums(logits, labels, classes, weights);
  const { oneVersusRest, weighted, oneVersusOne } = classAuc(
    softmaxRows(logits, classes),
    labels,
    classes,
    weights,
  );
  const mean = (sum: number) =>
    weight === 0 ? undefinedBecause("no rows with weight") : defined(sum / weight);
  const none = undefinedBecause("the model predicts classes, not one probability");
  return {
    rows: labels.length,
    auc: oneVersusRest,
    logLoss: mean(loss),
    normalizedEntropy: normalizedBy(entropyOf(byClass, weight), mean(loss)),
    calibration: none,
    baseRate: none,
    meanPrediction: none,
    accuracy: mean(right),
    meanAbsoluteError: none,
    meanSquaredError: none,
    weightedAuc: weighted,
    pairwiseAuc: oneVersusOne,
  };
}

interface ClassSums {
  /** Sum of weights: the number of rows when there are none. */
  weight: number;
  /** Sum of the weights of rows whose class has the largest logit; of equal ones, the first counts. */
  right: number;
  /** Sum of weight x log loss, in nats. */
  loss: number;
  /** [C] sum of weights. */
  byClass: Float64Array;
}

function classSums(
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

/** Of the classes' shares, in nats. */
function entropyOf(byClass: Float64Array, weight: number): number {
  return byClass.reduce((sum, part) => sum - (part === 0 ? 0 : (part / weight) * Math.log(part / weight)), 0);
}

function normalizedBy(entropy: number, logLoss: MetricResult): MetricResult {
  if (!logLoss.defined) return logLoss;
  return entropy === 0 ? undefinedBecause("all labels are equal") : defined(logLoss.value / entropy);
}
