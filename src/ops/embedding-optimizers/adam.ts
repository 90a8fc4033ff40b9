import { z } from "zod";
import { adamStep } from "../optimizers.js";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { adamSettings, lazy, rate } from "./settings.js";

/** States: m, v [R, D]. The bias correction counts global steps, as in FBGEMM's ADAM and PyTorch's SparseAdam. */
export const adam = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("adam"),
    learningRate: rate.default(0.001),
    ...adamSettings,
    lazy,
  }),
  op: tableUpdate({
    kind: "tableAdam",
    opcode: 63,
    states: { m: "table", v: "table" },
    squares: ["v"],
    settings: { beta1: "decay", beta2: "decay", eps: "real" },
    flops: 15,
    meaning: "Adam; the bias correction counts global steps, as FBGEMM does",
    update(settings, { step }) {
      const updateElement = adamStep(settings, step);
      return ({ w, g, lr, states: [m, v] }) => {
        for (let d = 0; d < w.length; d++) updateElement(w, m, v, d, g[d], lr);
      };
    },
  }),
});
