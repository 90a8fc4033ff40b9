import { z } from "zod";
import { focalCrossEntropy } from "../../../ops/focal-loss.js";
import { BINARY } from "../../task.js";
import { defineLoss } from "./define-loss.js";

/**
 * Cross-entropy in which rows that are predicted well count less: `-a (1 - p)^gamma log p`, p the probability of the
 * row's label, a = alpha for positives and 1 - alpha for negatives. Source: Lin et al., "Focal Loss for Dense Object
 * Detection", ICCV 2017, equation 5.
 */
export const focal = defineLoss({
  schema: z.strictObject({
    kind: z.literal("focal"),
    /** How much less: a row counts by (1 - p)^gamma, p the probability of its label. */
    gamma: z.number().nonnegative().default(2),
    /** Weight of the positives; the negatives weigh 1 - alpha. */
    alpha: z.number().min(0).max(1).default(0.5),
  }),
  of: ({ gamma, alpha }) => ({
    task: BINARY,
    rowLoss: ({ apply }, { logits, labels }) =>
      apply(focalCrossEntropy, [logits, labels], { gamma, alpha })[0],
  }),
});
