import { z } from "zod";
import type { Floats } from "../../graph/op.js";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { corrections, stepByTrust } from "./row-math.js";
import { adamSettings, lazy, nonnegative, rate } from "./settings.js";

/**
 * States: Adam's m, v [R, D]. With Adam's `r = m̂ / (sqrt(v̂) + eps) + weightDecay w` of a row: `w -= lr |w| / |r| r`;
 * the ratio is 1 if either norm is 0. Source: You et al., "Large Batch Optimization for Deep Learning", ICLR 2020, with
 * a row as its layer, as in FBGEMM's LAMB.
 */
export const lamb = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("lamb"),
    learningRate: rate.default(0.001),
    ...adamSettings,
    /** Adds `weightDecay * w` to the direction. */
    weightDecay: nonnegative.default(0),
    lazy,
  }),
  op: tableUpdate({
    kind: "tableLamb",
    opcode: 112,
    states: { m: "table", v: "table" },
    squares: ["v"],
    wholeRow: "states",
    settings: { beta1: "decay", beta2: "decay", eps: "real", weightDecay: "real" },
    flops: 22,
    meaning:
      "Adam's direction r plus `weightDecay w`, by row; `w -= lr*norm(w)/norm(r)*r`, the ratio 1 where a norm is 0",
    update(settings, context) {
      const { beta1, beta2, eps, weightDecay } = settings;
      const [correction1, correction2] = corrections(settings, context);
      return ({ w, g, lr, states: [m, v] }) => {
        const r = w.map((weight, d) => {
          m[d] = beta1 * m[d] + (1 - beta1) * g[d];
          v[d] = beta2 * v[d] + (1 - beta2) * g[d] * g[d];
          return m[d] / correction1 / (Math.sqrt(v[d] / correction2) + eps) + weightDecay * weight;
        }) as Floats;
        stepByTrust(w, r, lr);
      };
    },
  }),
});
