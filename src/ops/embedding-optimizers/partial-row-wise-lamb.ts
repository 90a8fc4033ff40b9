import { z } from "zod";
import type { Floats } from "../../graph/op.js";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { corrections, norm, stepByTrust } from "./row-math.js";
import { adamSettings, lazy, nonnegative, rate } from "./settings.js";

/**
 * LAMB with one second moment per row. States: m [R, D], v [R]; `v = beta2 v + (1 - beta2) mean over d of g²`,
 * otherwise like LAMB. Source: FBGEMM's PARTIAL_ROWWISE_LAMB.
 */
export const partialRowWiseLamb = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("partialRowWiseLamb"),
    learningRate: rate.default(0.001),
    ...adamSettings,
    /** Adds `weightDecay * w` to the direction. */
    weightDecay: nonnegative.default(0),
    lazy,
  }),
  op: tableUpdate({
    kind: "tablePartialRowWiseLamb",
    opcode: 114,
    states: { m: "table", v: "row" },
    squares: ["v"],
    wholeRow: "states",
    settings: { beta1: "decay", beta2: "decay", eps: "real", weightDecay: "real" },
    flops: 18,
    meaning: "tableLamb with `v = beta2 v + (1 - beta2) mean_d(g²)`",
    update(settings, context) {
      const { beta1, beta2, eps, weightDecay } = settings;
      const [correction1, correction2] = corrections(settings, context);
      return ({ w, g, lr, states: [m, v] }) => {
        v[0] = beta2 * v[0] + ((1 - beta2) * norm(g) ** 2) / w.length;
        const denominator = Math.sqrt(v[0] / correction2) + eps;
        const r = w.map((weight, d) => {
          m[d] = beta1 * m[d] + (1 - beta1) * g[d];
          return m[d] / correction1 / denominator + weightDecay * weight;
        }) as Floats;
        stepByTrust(w, r, lr);
      };
    },
  }),
});
