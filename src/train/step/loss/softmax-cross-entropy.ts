import { z } from "zod";
import { softmaxCrossEntropy as crossEntropy } from "../../../ops/softmax-loss.js";
import { classification } from "../../task.js";
import { defineLoss } from "./define-loss.js";

/**
 * Cross-entropy of the softmax over C classes: `-sum_c t_c log softmax(z)_c` with the targets `t_c = (1 - s) [c = y] +
 * s / C` and the label smoothing s. Labels are class ids: whole numbers from 0 to C - 1. Source: Szegedy et al.,
 * "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.
 */
export const softmaxCrossEntropy = defineLoss({
  schema: z.strictObject({
    kind: z.literal("softmaxCrossEntropy"),
    /** Number of classes; the model has as many logits. */
    classes: z.int().min(2).max(1000),
    /**
     * Label smoothing s: the targets are `(1 - s) [c = y] + s / classes` instead of the class y alone. Szegedy et al.,
     * CVPR 2016.
     */
    labelSmoothing: z.number().min(0).lt(1).default(0),
  }),
  of: ({ classes, labelSmoothing }) => ({
    task: classification(classes),
    takesOneLabel: true,
    rowLoss: ({ apply }, { logits, labels }) =>
      apply(crossEntropy, [logits, labels], { smoothing: labelSmoothing })[0],
  }),
});
