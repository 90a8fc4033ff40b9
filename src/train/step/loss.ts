import { z } from "zod";
import type { LabelKind } from "../../features/targets.js";
import type { GraphBuilder } from "../../graph/graph.js";
import { columnsOf, type Tensor } from "../../graph/tensor.js";
import { softmaxRows } from "../../metrics/index.js";
import { add, multiply, scale } from "../../ops/arithmetic.js";
import { slice } from "../../ops/concat.js";
import { constantRows } from "../../ops/constant-rows.js";
import { focalCrossEntropy } from "../../ops/focal-loss.js";
import { sigmoidCrossEntropy } from "../../ops/loss.js";
import { softmaxCrossEntropy } from "../../ops/softmax-loss.js";
import { jrcLoss } from "./jrc-loss.js";

/** The `loss` section of a config: what training minimises, the mean over a batch of each row's loss. */
export const lossSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("binaryCrossEntropy"),
    /** Trains towards `y (1 - s) + s / 2` instead of the label y. Szegedy et al., CVPR 2016. */
    labelSmoothing: z.number().min(0).lt(1).default(0),
  }),
  /** Cross-entropy in which rows that are predicted well count less. Lin et al., ICCV 2017. */
  z.strictObject({
    kind: z.literal("focal"),
    /** How much less: a row counts by (1 - p)^gamma, p the probability of its label. */
    gamma: z.number().nonnegative().default(2),
    /** Weight of the positives; the negatives weigh 1 - alpha. */
    alpha: z.number().min(0).max(1).default(0.5),
  }),
  /** Cross-entropy of the softmax over classes. Labels are class ids: whole numbers from 0 to classes - 1. */
  z.strictObject({
    kind: z.literal("softmaxCrossEntropy"),
    /** How many classes: as many logits has the model. */
    classes: z.int().min(2).max(1000),
    /** Trains towards `(1 - s) [c = y] + s / classes` instead of the class y alone. Szegedy et al., CVPR 2016. */
    labelSmoothing: z.number().min(0).lt(1).default(0),
  }),
  /**
   * Joint ranking and calibration: the model has an output for either label, whose cross-entropy calibrates, and each row
   * competes with the rows of the other label in its session. Sheng et al., 2022.
   */
  z.strictObject({
    kind: z.literal("jrc"),
    /** An id feature, which the model need not use: rows of one id in one batch are one session. */
    session: z.string().min(1),
    /** Weight of the cross-entropy; the competition weighs 1 - alpha. */
    alpha: z.number().min(0).max(1).default(0.5),
  }),
  /** (logit - label)²: the logit itself is the prediction. */
  z.strictObject({ kind: z.literal("squaredError") }),
]);

export type Loss = z.output<typeof lossSchema>;

/** Whether the logit is itself the prediction, of a label that may be any number. */
export const predictsNumbers = ({ kind }: Loss): boolean => kind === "squaredError";

/** How many classes the model gives probabilities; undefined where it gives one number a row. */
export const classesOf = (loss: Loss): number | undefined =>
  loss.kind === "softmaxCrossEntropy" ? loss.classes : undefined;

/** The feature whose ids are the sessions in which rows compete. */
export const sessionOf = (loss: Loss): string | undefined => (loss.kind === "jrc" ? loss.session : undefined);

/** Whether the loss is of one logit and one label, so that of several labels each has a logit of its own. */
export const isOfOneLogit = (loss: Loss): boolean =>
  classesOf(loss) === undefined && sessionOf(loss) === undefined;

/** Columns of the logits: one for each label, or for each class. */
export const outputsOf = (loss: Loss, labels: readonly string[]): number => classesOf(loss) ?? labels.length;

/** What labels the loss takes: rows with others are quarantined. */
export function labelsOf(loss: Loss): LabelKind {
  const classes = classesOf(loss);
  if (classes !== undefined) return { classes };
  return predictsNumbers(loss) ? "real" : "binary";
}

/**
 * What the model says to people: the probability that a label is positive, [N, labels], the probabilities of the
 * classes, [N, classes], or the number itself.
 */
export function predictionsOf(loss: Loss, logits: Float32Array): Float32Array {
  const classes = classesOf(loss);
  if (classes !== undefined) return softmaxRows(logits, classes);
  return predictsNumbers(loss) ? logits : logits.map((logit) => 1 / (1 + Math.exp(-logit)));
}

/** The names of the columns of {@link predictionsOf} in files. */
export function predictionNames(loss: Loss, labels: readonly string[]): string[] {
  const classes = classesOf(loss);
  if (classes !== undefined) return Array.from({ length: classes }, (_, c) => `prediction_${c}`);
  return labels.length === 1 ? ["prediction"] : labels.map((label) => `prediction_${label}`);
}

/** What a loss is computed from. */
export interface LossInputs {
  /** The model's outputs, [B, outputs]. */
  readonly logits: Tensor;
  /** [B, labels] */
  readonly labels: Tensor;
  /** Of several labels, in their order; default 1 each. */
  readonly labelWeights?: readonly number[];
  /** Ids [B], where the loss is over sessions. */
  readonly sessions?: Tensor;
}

/**
 * The loss of each row [B, 1]. Of several labels, label k with the logit k: the sum of their losses, each times its
 * weight.
 */
export function lossOf(builder: GraphBuilder, loss: Loss, inputs: LossInputs): Tensor {
  const { logits, labels, labelWeights = [] } = inputs;
  const count = columnsOf(labels);
  if (count === 1) return lossOfLabel(builder, loss, inputs);
  const { apply } = builder;
  const columnOf = (x: Tensor, k: number) => apply(slice, [x], { start: k, size: 1 })[0];
  const losses = Array.from({ length: count }, (_, k) => {
    const own = { logits: columnOf(logits, k), labels: columnOf(labels, k) };
    return apply(scale, [lossOfLabel(builder, loss, own)], { factor: labelWeights[k] ?? 1 })[0];
  });
  return losses.reduce((sum, next) => apply(add, [sum, next], {})[0]);
}

function lossOfLabel(builder: GraphBuilder, loss: Loss, { logits, labels, sessions }: LossInputs): Tensor {
  const { apply } = builder;
  switch (loss.kind) {
    case "binaryCrossEntropy":
      return apply(sigmoidCrossEntropy, [logits, smoothed(builder, labels, loss.labelSmoothing)], {})[0];
    case "focal":
      return apply(focalCrossEntropy, [logits, labels], { gamma: loss.gamma, alpha: loss.alpha })[0];
    case "softmaxCrossEntropy":
      return apply(softmaxCrossEntropy, [logits, labels], { smoothing: loss.labelSmoothing })[0];
    case "jrc":
      return jrcLoss(builder, { logits, labels, sessions: sessions! }, loss.alpha);
    case "squaredError": {
      const [negative] = apply(scale, [labels], { factor: -1 });
      const [difference] = apply(add, [logits, negative], {});
      return apply(multiply, [difference, difference], {})[0];
    }
  }
}

function smoothed({ apply }: GraphBuilder, labels: Tensor, share: number): Tensor {
  if (share === 0) return labels;
  const [kept] = apply(scale, [labels], { factor: 1 - share });
  const [half] = apply(constantRows, [], { value: share / 2, dims: [1] });
  return apply(add, [kept, half], {})[0];
}
