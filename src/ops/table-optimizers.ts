import type { AdamAttrs } from "./optimizers.js";
import { adamStep } from "./optimizers.js";
import { tableUpdate } from "./table-update.js";

/** `w -= lr g`. */
export const tableSgd = tableUpdate({
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
});

/** State: sum of squares [R, D]. Source: Duchi, Hazan & Singer, 2011. */
export const tableAdagrad = tableUpdate<{ eps: number }>({
  kind: "tableAdagrad",
  opcode: 61,
  states: { sum: "table" },
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
});

/** State: one sum a row [R]; `s += mean over d of g²`. Source: FBGEMM's EXACT_ROWWISE_ADAGRAD. */
export const tableRowWiseAdagrad = tableUpdate<{ eps: number }>({
  kind: "tableRowWiseAdagrad",
  opcode: 62,
  states: { sum: "row" },
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
});

/** States: m, v [R, D]; the bias correction counts global steps, as FBGEMM's ADAM and PyTorch's SparseAdam do. */
export const tableAdam = tableUpdate<AdamAttrs>({
  kind: "tableAdam",
  opcode: 63,
  states: { m: "table", v: "table" },
  settings: { beta1: "decay", beta2: "decay", eps: "real" },
  flops: 15,
  meaning: "Adam; the bias correction counts global steps, as FBGEMM does",
  update(settings, { step }) {
    const updateElement = adamStep(settings, step);
    return ({ w, g, lr, states: [m, v] }) => {
      for (let d = 0; d < w.length; d++) updateElement(w, m, v, d, g[d], lr);
    };
  },
});
