import { checkNumericInput } from "./binary-input.js";
import { type Evaluation, evaluateRows } from "./evaluation.js";
import { pointwiseSums } from "./pointwise.js";

/**
 * The metrics of a regression model.
 * @param predictions [N]
 * @param labels [N] any numbers
 * @param weights [N] optional
 * @throws MetricError on NaN, bad weights, or lengths that differ
 */
export function evaluateRegression(
  predictions: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): Evaluation {
  checkNumericInput(predictions, labels, weights);
  const sums = pointwiseSums(predictions, labels, weights);
  const predicted = predictions.reduce((sum, value, row) => sum + value * (weights?.[row] ?? 1), 0);
  const rows = { predictions, labels, weights, sums, predicted };
  return evaluateRows("numbers", predictions.length, ({ numbers }) => numbers?.(rows));
}
