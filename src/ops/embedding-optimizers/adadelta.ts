import { z } from "zod";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { decay, eps, lazy, rate } from "./settings.js";

/**
 * States: mean of squared gradients s and of squared changes u, both [R, D]. `s = decay s + (1 - decay) g²;
 * change = g sqrt(u + eps) / sqrt(s + eps); u = decay u + (1 - decay) change²; w -= lr change`. Source: Zeiler, 2012.
 */
export const adadelta = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("adadelta"),
    learningRate: rate.default(1),
    /** Decay of both mean squares per update. */
    decay: decay.default(0.9),
    eps: eps(1e-6),
    lazy,
  }),
  op: tableUpdate({
    kind: "tableAdadelta",
    opcode: 111,
    states: { square: "table", delta: "table" },
    squares: ["square", "delta"],
    settings: { decay: "decay", eps: "real" },
    flops: 18,
    meaning:
      "`s = decay s + (1 - decay) g²; c = g sqrt(u+eps)/sqrt(s+eps); u = decay u + (1 - decay) c²; w -= lr*c`, s and u the rows of square and delta",
    update:
      ({ decay, eps }) =>
      ({ w, g, lr, states: [s, u] }) => {
        for (let d = 0; d < w.length; d++) {
          s[d] = decay * s[d] + (1 - decay) * g[d] * g[d];
          const change = (g[d] * Math.sqrt(u[d] + eps)) / Math.sqrt(s[d] + eps);
          u[d] = decay * u[d] + (1 - decay) * change * change;
          w[d] -= lr * change;
        }
      },
  }),
});
