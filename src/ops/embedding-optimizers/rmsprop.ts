import { z } from "zod";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { decay, eps, lazy, rate } from "./settings.js";

/**
 * State: mean of squares [R, D]. `s = decay s + (1 - decay) g²; w -= lr g / (sqrt(s) + eps)`.
 * Source: Tieleman & Hinton, Coursera lecture 6.5, 2012, in PyTorch's form.
 */
export const rmsprop = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("rmsprop"),
    learningRate: rate.default(0.01),
    /** Decay of the mean square per update. */
    decay: decay.default(0.99),
    eps: eps(1e-8),
    lazy,
  }),
  op: tableUpdate({
    kind: "tableRmsprop",
    opcode: 110,
    states: { square: "table" },
    squares: ["square"],
    settings: { decay: "decay", eps: "real" },
    flops: 11,
    meaning: "`s = decay s + (1 - decay) g²; w -= lr*g/(sqrt(s)+eps)`, s the row of square",
    update:
      ({ decay, eps }) =>
      ({ w, g, lr, states: [s] }) => {
        for (let d = 0; d < w.length; d++) {
          s[d] = decay * s[d] + (1 - decay) * g[d] * g[d];
          w[d] -= (lr * g[d]) / (Math.sqrt(s[d]) + eps);
        }
      },
  }),
});
