import { z } from "zod";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { corrections, norm } from "./row-math.js";
import { adamSettings, lazy, rate } from "./settings.js";

/**
 * Adam with one second moment per row. States: m [R, D], v [R]; `v = beta2 v + (1 - beta2) mean over d of g²`,
 * otherwise like Adam. Source: FBGEMM's PARTIAL_ROWWISE_ADAM.
 */
export const partialRowWiseAdam = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("partialRowWiseAdam"),
    learningRate: rate.default(0.001),
    ...adamSettings,
    lazy,
  }),
  op: tableUpdate({
    kind: "tablePartialRowWiseAdam",
    opcode: 113,
    states: { m: "table", v: "row" },
    squares: ["v"],
    wholeRow: "gradient",
    settings: { beta1: "decay", beta2: "decay", eps: "real" },
    flops: 11,
    meaning: "Adam with `v = beta2 v + (1 - beta2) mean_d(g²)`",
    update(settings, context) {
      const { beta1, beta2, eps } = settings;
      const [correction1, correction2] = corrections(settings, context);
      return ({ w, g, lr, states: [m, v] }) => {
        v[0] = beta2 * v[0] + ((1 - beta2) * norm(g) ** 2) / w.length;
        const denominator = Math.sqrt(v[0] / correction2) + eps;
        for (let d = 0; d < w.length; d++) {
          m[d] = beta1 * m[d] + (1 - beta1) * g[d];
          w[d] -= (lr * m[d]) / correction1 / denominator;
        }
      };
    },
  }),
});
