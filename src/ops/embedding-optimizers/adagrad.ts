import { z } from "zod";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { eps, initialAccumulator, rate } from "./settings.js";

/** State: sum of squares [R, D]. Source: Duchi, Hazan & Singer, 2011. */
export const adagrad = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("adagrad"),
    learningRate: rate.default(0.01),
    eps: eps(1e-8),
    initialAccumulator,
  }),
  op: tableUpdate({
    kind: "tableAdagrad",
    opcode: 61,
    states: { sum: "table" },
    squares: ["sum"],
    settings: { eps: "real" },
    flops: 9,
    meaning: "`sum += g²; w -= lr*g/(sqrt(sum)+eps)`",
    update:
      ({ eps }) =>
      ({ w, g, lr, states: [s] }) => {
        for (let d = 0; d < w.length; d++) {
          s[d] += g[d] * g[d];
          w[d] -= (lr * g[d]) / (Math.sqrt(s[d]) + eps);
        }
      },
  }),
});
