import { z } from "zod";
import type { GraphBuilder } from "../../../graph/graph.js";
import type { Tensor } from "../../../graph/tensor.js";
import { add, scale } from "../../../ops/arithmetic.js";
import { constantRows } from "../../../ops/constant-rows.js";
import { sigmoidCrossEntropy } from "../../../ops/loss.js";
import { BINARY } from "../../task.js";
import { defineLoss } from "./define-loss.js";

/**
 * The loss per row: `-(t log p + (1 - t) log(1 - p))` with p = sigmoid(logit), the target `t = y (1 - s) + s / 2`, and
 * the label smoothing s. Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR
 * 2016, section 7, for two classes.
 */
export const binaryCrossEntropy = defineLoss({
  schema: z.strictObject({
    kind: z.literal("binaryCrossEntropy"),
    /** Label smoothing s: the target is `y (1 - s) + s / 2` instead of the label y. Szegedy et al., CVPR 2016. */
    labelSmoothing: z.number().min(0).lt(1).default(0),
  }),
  of: ({ labelSmoothing }) => ({
    task: BINARY,
    rowLoss(builder, { logits, labels }) {
      const targets = smoothed(builder, labels, labelSmoothing);
      return builder.apply(sigmoidCrossEntropy, [logits, targets], {})[0];
    },
  }),
});

function smoothed({ apply }: GraphBuilder, labels: Tensor, share: number): Tensor {
  if (share === 0) return labels;
  const [kept] = apply(scale, [labels], { factor: 1 - share });
  const [half] = apply(constantRows, [], { value: share / 2, dims: [1] });
  return apply(add, [kept, half], {})[0];
}
