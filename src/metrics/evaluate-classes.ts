import { checkClassInput } from "./binary-input.js";
import { classAuc } from "./class-auc.js";
import { classSums } from "./class-sums.js";
import { type Groups, recallsOf } from "./evaluate-binary.js";
import { type Evaluation, evaluateRows } from "./evaluation.js";
import { groupRows } from "./groups.js";
import { softmaxRows } from "./softmax.js";

/**
 * The metrics of a multi-class model.
 * @param logits [N, C] before the softmax, row-major
 * @param labels [N] classes, whole numbers from 0 to C - 1
 * @param weights [N] optional
 * @param groups optional: adds the grouped metrics, if there are two classes
 * @throws MetricError on NaN logits, invalid class labels, bad weights, or lengths that differ
 */
export function evaluateClasses(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  weights?: Float32Array,
  groups?: Groups,
): Evaluation {
  checkClassInput(logits, labels, classes, weights);
  const sums = classSums(logits, labels, classes, weights);
  const auc = classAuc(softmaxRows(logits, classes), labels, classes, weights);
  const margins = classes === 2 ? marginsOf(logits) : undefined;
  const grouping = groups && groupRows(groups.of);
  const rows = { labels, weights, sums, auc, margins, grouping };
  const evaluation = evaluateRows("classes", labels.length, (metric) => metric.classes?.(rows));
  if (!grouping || !margins) return evaluation;
  return { ...evaluation, recallAt: recallsOf(grouping, margins, labels, groups.recallAt) };
}

/** The logit of class 1 minus that of class 0: it ranks rows as the probability of class 1 does. */
function marginsOf(logits: Float32Array): Float32Array {
  return Float32Array.from({ length: logits.length / 2 }, (_, row) => logits[2 * row + 1] - logits[2 * row]);
}
