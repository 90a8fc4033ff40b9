import { softmaxRows } from "../metrics/index.js";
import { columnOf, type MetricSettings, type Targets } from "../train/evaluate.js";

/** One label's rows: what was predicted, and what came. */
export interface ScorePoints {
  readonly label: string;
  readonly predicted: Float32Array;
  readonly actual: Float32Array;
  readonly weights?: Float32Array;
  /** `actual` is 0 or 1. */
  readonly binary: boolean;
}

/**
 * The predictions of each label. A model of classes has one set of points: the probability of the most probable class, and
 * whether it is right (Guo et al., "On Calibration of Modern Neural Networks", 2017).
 * @param logits [N, outputs]
 */
export function scorePoints(
  logits: Float32Array,
  { labels, weights }: Targets,
  { task, labels: names }: MetricSettings,
): ScorePoints[] {
  if (task.predicts === "classes") return [mostProbable(logits, labels, weights, names[0])];
  const predictions = task.predictions(logits);
  return names.map((label, k) => ({
    label,
    predicted: columnOf(predictions, k, names.length),
    actual: columnOf(labels, k, names.length),
    weights,
    binary: task.predicts === "probabilities",
  }));
}

function mostProbable(
  logits: Float32Array,
  labels: Float32Array,
  weights: Float32Array | undefined,
  label: string,
): ScorePoints {
  const classes = logits.length / labels.length;
  const probabilities = softmaxRows(logits, classes);
  const predicted = new Float32Array(labels.length);
  const actual = labels.map((right, row) => {
    const ofRow = probabilities.subarray(row * classes, (row + 1) * classes);
    predicted[row] = Math.max(...ofRow);
    return Number(ofRow.indexOf(predicted[row]) === right);
  });
  return { label, predicted, actual, weights, binary: true };
}
