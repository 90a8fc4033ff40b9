import { checkClassInput } from "./binary-input.js";
import { classAuc } from "./class-auc.js";
import { classSums } from "./class-sums.js";
import { type Evaluation, evaluateRows } from "./evaluation.js";
import { softmaxRows } from "./softmax.js";

/**
 * The metrics of a multi-class model.
 * @param logits [N, C] before the softmax, row-major
 * @param labels [N] classes, whole numbers from 0 to C - 1
 * @param weights [N] optional
 * @throws MetricError on NaN logits, invalid class labels, bad weights, or lengths that differ
 */
export function evaluateClasses(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  weights?: Float32Array,
): Evaluation {
  checkClassInput(logits, labels, classes, weights);
  const sums = classSums(logits, labels, classes, weights);
  const auc = classAuc(softmaxRows(logits, classes), labels, classes, weights);
  const rows = { labels, weights, sums, auc };
  return evaluateRows("classes", labels.length, (metric) => metric.classes?.(rows));
}
