import type { LabelKind } from "../features/targets.js";
import type { GraphBuilder } from "../graph/graph.js";
import type { Tensor } from "../graph/tensor.js";
import {
  type Evaluation,
  evaluateBinary,
  evaluateClasses,
  evaluateRegression,
  type Groups,
  type MetricName,
  type Prediction,
  softmaxRows,
} from "../metrics/index.js";
import { activation } from "../ops/activation.js";
import { add, scale } from "../ops/arithmetic.js";
import { rightClass } from "../ops/right-class.js";
import { softmax } from "../ops/softmax.js";

/** The meaning of a model's outputs: allowed labels, predictions and metrics. */
export interface Task {
  readonly predicts: Prediction;
  /** The allowed labels; rows with others are quarantined. */
  readonly labels: LabelKind;
  /** Number of logits. */
  outputs(labels: readonly string[]): number;
  /** Converts logits [N, outputs] to predictions, as many numbers. */
  predictions(logits: Float32Array): Float32Array;
  /** {@link predictions} as a part of a graph: logits [B, N] -> [B, N]. */
  predicted(builder: GraphBuilder, logits: Tensor): Tensor;
  /** Column names of `predictions` in files. */
  predictionNames(labels: readonly string[]): string[];
  /** The logits of the best constant prediction for one label: what its rows say without any feature. */
  constant(targets: LabelTargets): number[];
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

/** The labels of rows. */
export interface LabelTargets {
  /** [N] */
  readonly labels: Float32Array;
  readonly weights?: Float32Array;
}

/** The rows of one label. */
export interface ScoredLabel extends LabelTargets {
  /** [N], or [N, classes] */
  readonly logits: Float32Array;
  readonly groups?: Groups;
}

/** A metric that is a mean over rows. */
export interface RowMean {
  readonly metric: MetricName;
  /** The value of each row: logits [B, outputs], labels [B, labels] -> [B, labels]. */
  values(builder: GraphBuilder, logits: Tensor, labels: Tensor): Tensor;
}

/** Labels are 0 and 1; the model predicts the probability that a label is positive. */
export const BINARY: Task = {
  predicts: "probabilities",
  labels: "binary",
  outputs: (labels) => labels.length,
  predictions: (logits) => logits.map((logit) => 1 / (1 + Math.exp(-logit))),
  predicted: (builder, logits) => builder.apply(activation, [logits], { fn: "sigmoid" })[0],
  predictionNames: nameByLabel,
  constant(targets) {
    const [no, yes] = sharesOf(targets, 2);
    return [Math.log(yes / no)];
  },
  evaluate: ({ logits, labels, weights, groups }) => evaluateBinary(logits, labels, weights, groups),
};

/** Labels are any numbers; the logit is the prediction. */
export const REGRESSION: Task = {
  predicts: "numbers",
  labels: "real",
  outputs: (labels) => labels.length,
  predictions: (logits) => logits,
  predicted: (_, logits) => logits,
  predictionNames: nameByLabel,
  constant: (targets) => [meanOf(targets)],
  evaluate: ({ logits, labels, weights }) => evaluateRegression(logits, labels, weights),
  rowMean: { metric: "meanAbsoluteError", values: absoluteErrors },
};

/** Labels are class ids, 0 to classes - 1; the model predicts the probability of each class. */
export function classification(classes: number): Task {
  return {
    predicts: "classes",
    labels: { classes },
    outputs: () => classes,
    predictions: (logits) => softmaxRows(logits, classes),
    predicted: (builder, logits) => builder.apply(softmax, [logits], {})[0],
    predictionNames: () => Array.from({ length: classes }, (_, c) => `prediction_${c}`),
    constant: (targets) => sharesOf(targets, classes).map(Math.log),
    evaluate: ({ logits, labels, weights, groups }) =>
      evaluateClasses(logits, labels, classes, weights, groups),
    rowMean: {
      metric: "accuracy",
      values: (builder, logits, labels) => builder.apply(rightClass, [logits, labels], {})[0],
    },
  };
}

/** The weighted share of each class; a class without rows counts as half a row, so that its logarithm is finite. */
function sharesOf({ labels, weights }: LabelTargets, classes: number): number[] {
  const rows = new Array<number>(classes).fill(0);
  labels.forEach((label, row) => {
    rows[label] += weights?.[row] ?? 1;
  });
  const total = rows.reduce((sum, count) => sum + count, 0);
  return rows.map((count) => (count > 0 ? count : 0.5) / Math.max(total, 1));
}

function meanOf({ labels, weights }: LabelTargets): number {
  let [sum, total] = [0, 0];
  labels.forEach((label, row) => {
    const weight = weights?.[row] ?? 1;
    sum += weight * label;
    total += weight;
  });
  return total === 0 ? 0 : sum / total;
}

function nameByLabel(labels: readonly string[]): string[] {
  return labels.length === 1 ? ["prediction"] : labels.map((label) => `prediction_${label}`);
}

/** |z - y| = relu(z - y) + relu(y - z) */
function absoluteErrors(builder: GraphBuilder, logits: Tensor, labels: Tensor): Tensor {
  const minus = (x: Tensor) => builder.apply(scale, [x], { factor: -1 })[0];
  const relu = (x: Tensor) => builder.apply(activation, [x], { fn: "relu" })[0];
  const error = builder.apply(add, [logits, minus(labels)], {})[0];
  return builder.apply(add, [relu(error), relu(minus(error))], {})[0];
}
