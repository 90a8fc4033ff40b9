import { z } from "zod";
import { tableUpdate } from "../table-update.js";
import { embeddingOptimizer } from "./define.js";
import { rate } from "./settings.js";

/** `w -= lr g`. */
export const sgd = embeddingOptimizer({
  schema: z.strictObject({
    kind: z.literal("sgd"),
    learningRate: rate.default(0.1),
  }),
  op: tableUpdate({
    kind: "tableSgd",
    opcode: 60,
    states: {},
    settings: {},
    flops: 4,
    meaning: "`w -= lr*g`",
    update:
      () =>
      ({ w, g, lr }) => {
        for (let d = 0; d < w.length; d++) w[d] -= lr * g[d];
      },
  }),
});
