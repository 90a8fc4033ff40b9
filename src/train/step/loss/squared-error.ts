import { z } from "zod";
import { add, multiply, scale } from "../../../ops/arithmetic.js";
import { REGRESSION } from "../../task.js";
import { defineLoss } from "./define-loss.js";

/** `(logit - y)²`: least squares. The logit is the prediction. */
export const squaredError = defineLoss({
  schema: z.strictObject({ kind: z.literal("squaredError") }),
  of: () => ({
    task: REGRESSION,
    rowLoss({ apply }, { logits, labels }) {
      const [negative] = apply(scale, [labels], { factor: -1 });
      const [difference] = apply(add, [logits, negative], {});
      return apply(multiply, [difference, difference], {})[0];
    },
  }),
});
