import { z } from "zod";
import { focalCrossEntropy } from "../../../ops/focal-loss.js";
import { BINARY } from "../../task.js";
import { defineLoss } from "./define-loss.js";

/**
 * Cross-entropy that gives less weight to well-predicted rows: `-a (1 - p)^gamma log p`, where p is the probability of
 * the row's label, and a is alpha for positives and 1 - alpha for negatives. Source: Lin et al., "Focal Loss for Dense
 * Object Detection", ICCV 2017, equation 5.
 */
export const focal = defineLoss({
  schema: z.strictObject({
    kind: z.literal("focal"),
    /** Exponent gamma: a row has the weight (1 - p)^gamma, p the probability of its label. */
    gamma: z.number().nonnegative().default(2),
    /** Weight of positives; negatives have 1 - alpha. */
    alpha: z.number().min(0).max(1).default(0.5),
  }),
  of: ({ gamma, alpha }) => ({
    task: BINARY,
    rowLoss: ({ apply }, { logits, labels }) =>
      apply(focalCrossEntropy, [logits, labels], { gamma, alpha })[0],
  }),
});
