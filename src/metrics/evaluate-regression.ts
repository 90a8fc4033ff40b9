import { checkNumericInput } from "./binary-input.js";
import type { Evaluation } from "./evaluation.js";
import { defined, undefinedBecause } from "./metric.js";
import { meanAbsoluteErrorOf, meanSquaredErrorOf, pointwiseSums } from "./pointwise.js";
import { xauc } from "./xauc.js";

/**
 * The metrics of a model whose output is a number and no probability.
 * @param predictions [N] @param labels [N] any numbers @param weights [N] optional
 * @throws MetricError on NaN, bad weights, or lengths that differ
 */
export function evaluateRegression(
  predictions: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): Evaluation {
  checkNumericInput(predictions, labels, weights);
  const sums = pointwiseSums(predictions, labels, weights);
  const none = undefinedBecause("the model predicts numbers, not probabilities");
  const mean = predictions.reduce((sum, value, row) => sum + value * (weights?.[row] ?? 1), 0) / sums.weight;
  return {
    rows: predictions.length,
    auc: none,
    logLoss: none,
    normalizedEntropy: none,
    calibration: none,
    baseRate: none,
    meanPrediction: sums.weight === 0 ? undefinedBecause("no rows with weight") : defined(mean),
    accuracy: none,
    meanAbsoluteError: meanAbsoluteErrorOf(sums),
    meanSquaredError: meanSquaredErrorOf(sums),
    xauc: xauc(predictions, labels, weights),
  };
}
