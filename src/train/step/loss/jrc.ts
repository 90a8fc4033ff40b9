import { z } from "zod";
import type { GraphBuilder } from "../../../graph/graph.js";
import type { Tensor } from "../../../graph/tensor.js";
import { activation } from "../../../ops/activation.js";
import { add, multiply, scale } from "../../../ops/arithmetic.js";
import { slice } from "../../../ops/concat.js";
import { constantRows } from "../../../ops/constant-rows.js";
import { sessionLogSumExp } from "../../../ops/session-log-sum-exp.js";
import { softmaxCrossEntropy } from "../../../ops/softmax-loss.js";

import { BINARY } from "../../task.js";
import { defineLoss, type LossInputs } from "./define-loss.js";

/**
 * Joint ranking and calibration, for a model with one output z per label value. Calibration: `alpha` times the
 * cross-entropy of y under the softmax of z. Ranking: 1 - alpha times `-log(e^z_y / (e^z_y + sum_j e^z_jy))` over the
 * rows j in the row's session with the other label. Source: Sheng et al., "Joint Optimization of Ranking and
 * Calibration with Contextualized Hybrid Model", 2022 (arXiv:2208.06164), section 3.2.
 */
export const jrc = defineLoss({
  schema: z.strictObject({
    kind: z.literal("jrc"),
    /** An id feature; rows with the same id in a batch form a session. The model need not use it. */
    session: z.string().min(1),
    /** Weight of the cross-entropy; the ranking part has 1 - alpha. */
    alpha: z.number().min(0).max(1).default(0.5),
  }),
  of: ({ session, alpha }) => ({
    task: BINARY,
    takesOneLabel: true,
    head: { outputs: 2, logits: logOdds, outputsOf: (logit) => [-logit / 2, logit / 2] },
    session,
    rowLoss: (builder, inputs) => rowLoss(builder, inputs, alpha),
  }),
});

/** @param inputs logits [B, 2]: for label 0 and for label 1 */
function rowLoss(builder: GraphBuilder, { logits, labels, sessions }: LossInputs, alpha: number): Tensor {
  const { apply } = builder;
  const [calibration] = apply(softmaxCrossEntropy, [logits, labels], { smoothing: 0 });
  const [competition] = apply(sessionLogSumExp, [logits, labels, sessions!], {});
  const [minus] = apply(scale, [ownLogit(builder, logits, labels)], { factor: -1 });
  const [margin] = apply(add, [competition, minus], {});
  const [ranking] = apply(activation, [margin], { fn: "softplus" });
  const [first] = apply(scale, [calibration], { factor: alpha });
  const [second] = apply(scale, [ranking], { factor: 1 - alpha });
  return apply(add, [first, second], {})[0];
}

/** z_1 - z_0 [B, 1]; its sigmoid equals the softmax probability of label 1. */
function logOdds({ apply }: GraphBuilder, logits: Tensor): Tensor {
  const [zero] = apply(slice, [logits], { start: 0, size: 1 });
  const [one] = apply(slice, [logits], { start: 1, size: 1 });
  const [minus] = apply(scale, [zero], { factor: -1 });
  return apply(add, [one, minus], {})[0];
}

/** z_y: y z_1 + (1 - y) z_0. */
function ownLogit({ apply }: GraphBuilder, logits: Tensor, labels: Tensor): Tensor {
  const [zero] = apply(slice, [logits], { start: 0, size: 1 });
  const [one] = apply(slice, [logits], { start: 1, size: 1 });
  const [minus] = apply(scale, [labels], { factor: -1 });
  const [ones] = apply(constantRows, [], { value: 1, dims: [1] });
  const [complement] = apply(add, [ones, minus], {});
  const parts = [
    [labels, one],
    [complement, zero],
  ].map((pair) => apply(multiply, pair, {})[0]);
  return apply(add, parts, {})[0];
}
