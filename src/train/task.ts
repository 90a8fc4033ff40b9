import type { LabelKind } from "../features/targets.js";
import {
  type Evaluation,
  evaluateBinary,
  evaluateClasses,
  evaluateRegression,
  type Groups,
  largestOf,
  type MetricName,
  type Prediction,
  softmaxRows,
} from "../metrics/index.js";

/** The meaning of a model's outputs: allowed labels, predictions and metrics. */
export interface Task {
  readonly predicts: Prediction;
  /** The allowed labels; rows with others are quarantined. */
  readonly labels: LabelKind;
  /** Number of logits. */
  outputs(labels: readonly string[]): number;
  /** Converts logits [N, outputs] to predictions, as many numbers. */
  predictions(logits: Float32Array): Float32Array;
  /** Column names of `predictions` in files. */
  predictionNames(labels: readonly string[]): string[];
  /**
   * Computes every metric of one label.
   * @throws MetricError
   */
  evaluate(scored: ScoredLabel): Evaluation;
  /**
   * The metric shown during training for the latest rows. Absent: the AUC, from scores counted by the training program.
   */
  readonly rowMean?: RowMean;
}

/** The rows of one label. */
export interface ScoredLabel {
  /** [N], or [N, classes] */
  readonly logits: Float32Array;
  /** [N] */
  readonly labels: Float32Array;
  readonly weights?: Float32Array;
  readonly groups?: Groups;
}

/** A metric that is a mean over rows. */
export interface RowMean {
  readonly metric: MetricName;
  /** The sum over the rows of one label. */
  sum(logits: Float32Array, labels: Float32Array): number;
}

/** Labels are 0 and 1; the model predicts the probability that a label is positive. */
export const BINARY: Task = {
  predicts: "probabilities",
  labels: "binary",
  outputs: (labels) => labels.length,
  predictions: (logits) => logits.map((logit) => 1 / (1 + Math.exp(-logit))),
  predictionNames: nameByLabel,
  evaluate: ({ logits, labels, weights, groups }) => evaluateBinary(logits, labels, weights, groups),
};

/** Labels are any numbers; the logit is the prediction. */
export const REGRESSION: Task = {
  predicts: "numbers",
  labels: "real",
  outputs: (labels) => labels.length,
  predictions: (logits) => logits,
  predictionNames: nameByLabel,
  evaluate: ({ logits, labels, weights }) => evaluateRegression(logits, labels, weights),
  rowMean: { metric: "meanAbsoluteError", sum: absoluteErrors },
};

/** Labels are class ids, 0 to classes - 1; the model predicts the probability of each class. */
export function classification(classes: number): Task {
  return {
    predicts: "classes",
    labels: { classes },
    outputs: () => classes,
    predictions: (logits) => softmaxRows(logits, classes),
    predictionNames: () => Array.from({ length: classes }, (_, c) => `prediction_${c}`),
    evaluate: ({ logits, labels, weights }) => evaluateClasses(logits, labels, classes, weights),
    rowMean: { metric: "accuracy", sum: (logits, labels) => rightRows(logits, labels, classes) },
  };
}

function nameByLabel(labels: readonly string[]): string[] {
  return labels.length === 1 ? ["prediction"] : labels.map((label) => `prediction_${label}`);
}

function rightRows(logits: Float32Array, labels: Float32Array, classes: number): number {
  let right = 0;
  for (let row = 0; row < labels.length; row++)
    if (largestOf(logits, row * classes, classes) === labels[row]) right++;
  return right;
}

function absoluteErrors(predictions: Float32Array, labels: Float32Array): number {
  return labels.reduce((sum, label, row) => sum + Math.abs(predictions[row] - label), 0);
}
