import { z } from "zod";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { norm } from "./row-math.js";
import { decay, lazy, nonnegative, rate } from "./settings.js";

/**
 * State: momentum m [R, D]. With a row's `rate = lr eta |w| / (|g| + weightDecay |w|)`, 0 if the divisor is 0: `m =
 * momentum m + rate (g + weightDecay w); w -= m`. A row of zeros stays zero. Source: You, Gitman & Ginsburg, "Large
 * Batch Training of Convolutional Networks", 2017, algorithm 1, with a row as its layer, as in FBGEMM's LARS_SGD.
 */
export const larsSgd = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("larsSgd"),
    learningRate: rate.default(0.1),
    /** Decay of the momentum per update. */
    momentum: decay.default(0.9),
    /** Trust coefficient: the largest relative change of a row's norm in one update, at a learning rate of 1. */
    eta: rate.default(0.001),
    /** Adds `weightDecay * w` to the gradient. */
    weightDecay: nonnegative.default(0),
    lazy,
  }),
  op: tableUpdate({
    kind: "tableLarsSgd",
    opcode: 115,
    states: { m: "table" },
    wholeRow: "weights",
    settings: { momentum: "decay", eta: "real", weightDecay: "real" },
    flops: 14,
    meaning:
      "by row, `rate = lr*eta*norm(w)/(norm(g) + weightDecay norm(w))`, 0 where the divisor is 0; `m = momentum m + rate*(g + weightDecay w); w -= m`",
    update:
      ({ momentum, eta, weightDecay }) =>
      ({ w, g, lr, states: [m] }) => {
        const divisor = norm(g) + weightDecay * norm(w);
        const rate = divisor === 0 ? 0 : (lr * eta * norm(w)) / divisor;
        for (let d = 0; d < w.length; d++) {
          m[d] = momentum * m[d] + rate * (g[d] + weightDecay * w[d]);
          w[d] -= m[d];
        }
      },
  }),
});
