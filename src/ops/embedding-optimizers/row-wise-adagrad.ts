import { z } from "zod";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { eps, initialAccumulator, rate } from "./settings.js";

/** State: one sum per row [R]; `s += mean over d of g²`. Source: FBGEMM's EXACT_ROWWISE_ADAGRAD. */
export const rowWiseAdagrad = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("rowWiseAdagrad"),
    learningRate: rate.default(0.01),
    eps: eps(1e-8),
    initialAccumulator,
  }),
  op: tableUpdate({
    kind: "tableRowWiseAdagrad",
    opcode: 62,
    states: { sum: "row" },
    squares: ["sum"],
    wholeRow: "gradient",
    settings: { eps: "real" },
    flops: 7,
    meaning: "`sum += mean_d(g²); w -= lr*g/(sqrt(sum)+eps)`",
    update:
      ({ eps }) =>
      ({ w, g, lr, states: [s] }) => {
        let squares = 0;
        for (let d = 0; d < w.length; d++) squares += g[d] * g[d];
        s[0] += squares / w.length;
        for (let d = 0; d < w.length; d++) w[d] -= (lr * g[d]) / (Math.sqrt(s[0]) + eps);
      },
  }),
});
