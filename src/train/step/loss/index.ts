import type { z } from "zod";
import type { GraphBuilder } from "../../../graph/graph.js";
import { columnsOf, type Tensor } from "../../../graph/tensor.js";
import { findKind, unionOf } from "../../../kinds.js";
import { add, scale } from "../../../ops/arithmetic.js";
import { slice } from "../../../ops/concat.js";
import { binaryCrossEntropy } from "./binary-cross-entropy.js";
import type { LossDefinition, LossFacts, LossInputs } from "./define-loss.js";
import { focal } from "./focal.js";
import { jrc } from "./jrc.js";
import { softmaxCrossEntropy } from "./softmax-cross-entropy.js";
import { squaredError } from "./squared-error.js";

/** The losses available in a config. */
const LOSSES = [binaryCrossEntropy, focal, softmaxCrossEntropy, jrc, squaredError] as const;

/** The `loss` section of a config. Training minimizes the mean loss over the rows of a batch. */
export const lossSchema = unionOf(LOSSES);
export type Loss = z.output<typeof lossSchema>;

export function factsOf(loss: Loss): LossFacts {
  return findKind<LossDefinition>(LOSSES as readonly LossDefinition[], loss.kind)!.of(loss);
}

/** The inputs of a loss over one or several labels. */
export interface LossesInputs extends LossInputs {
  /** [B, labels] */
  readonly labels: Tensor;
  /** Weights of several labels, in order; default 1 each. */
  readonly labelWeights?: readonly number[];
}

/**
 * The loss per row [B, 1]. With several labels, label k uses logit k, and the result is the weighted sum of their
 * losses.
 */
export function lossOf(builder: GraphBuilder, loss: Loss, inputs: LossesInputs): Tensor {
  const { logits, labels, labelWeights = [] } = inputs;
  const { rowLoss } = factsOf(loss);
  const count = columnsOf(labels);
  if (count === 1) return rowLoss(builder, inputs);
  const { apply } = builder;
  const columnOf = (x: Tensor, k: number) => apply(slice, [x], { start: k, size: 1 })[0];
  const losses = Array.from({ length: count }, (_, k) => {
    const own = rowLoss(builder, { logits: columnOf(logits, k), labels: columnOf(labels, k) });
    return apply(scale, [own], { factor: labelWeights[k] ?? 1 })[0];
  });
  return losses.reduce((sum, next) => apply(add, [sum, next], {})[0]);
}
