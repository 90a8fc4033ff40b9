import { defineOp, type Floats } from "../graph/op.js";
import type { AdamAttrs } from "./optimizers.js";
import { checkTable, encodeTable, type TableAttrs, tableCost, updateRows } from "./table-optimizers.js";

/* More embedding optimizers; operands and the meaning of `l2` and `everyRow` as in table-optimizers.ts. */

/**
 * State: mean of squares [R, D]. `s = decay s + (1 - decay) g²; w -= lr g / (sqrt(s) + eps)`.
 * Source: Tieleman & Hinton, Coursera lecture 6.5, 2012, in PyTorch's form.
 */
export const tableRmsprop = defineOp<TableAttrs & { decay: number; eps: number }>({
  kind: "tableRmsprop",
  opcode: 110,
  execution: "fixed",
  cost: tableCost(11, 1),
  mutates: ({ inputs: [table, , s] }) => [table, s],
  infer: (inputs, attrs) => checkTable("tableRmsprop", inputs, attrs, ["table"]),
  reference(call) {
    const { decay, eps } = call.attrs;
    updateRows(call, 1, ({ w, g, lr, states: [s] }) => {
      for (let d = 0; d < w.length; d++) {
        s[d] = decay * s[d] + (1 - decay) * g[d] * g[d];
        w[d] -= (lr * g[d]) / (Math.sqrt(s[d]) + eps);
      }
    });
  },
  encode: ({ attrs }) => [attrs.decay, attrs.eps, ...encodeTable(attrs)],
});

/**
 * States: mean of squared gradients s and of squared changes u, both [R, D]. `s = decay s + (1 - decay) g²;
 * change = g sqrt(u + eps) / sqrt(s + eps); u = decay u + (1 - decay) change²; w -= lr change`. Source: Zeiler, 2012.
 */
export const tableAdadelta = defineOp<TableAttrs & { decay: number; eps: number }>({
  kind: "tableAdadelta",
  opcode: 111,
  execution: "fixed",
  cost: tableCost(18, 2),
  mutates: ({ inputs: [table, , s, u] }) => [table, s, u],
  infer: (inputs, attrs) => checkTable("tableAdadelta", inputs, attrs, ["table", "table"]),
  reference(call) {
    const { decay, eps } = call.attrs;
    updateRows(call, 2, ({ w, g, lr, states: [s, u] }) => {
      for (let d = 0; d < w.length; d++) {
        s[d] = decay * s[d] + (1 - decay) * g[d] * g[d];
        const change = (g[d] * Math.sqrt(u[d] + eps)) / Math.sqrt(s[d] + eps);
        u[d] = decay * u[d] + (1 - decay) * change * change;
        w[d] -= lr * change;
      }
    });
  },
  encode: ({ attrs }) => [attrs.decay, attrs.eps, ...encodeTable(attrs)],
});

/**
 * States: m, v [R, D] of Adam. With Adam's `r = m̂ / (sqrt(v̂) + eps) + weightDecay w` of a row:
 * `w -= lr |w| / |r| r`, where a ratio with a norm of 0 is 1. Source: You et al., "Large Batch Optimization for Deep
 * Learning", ICLR 2020, with a row as its layer, as FBGEMM's LAMB has it.
 */
export const tableLamb = defineOp<TableAttrs & AdamAttrs & { weightDecay: number }>({
  kind: "tableLamb",
  opcode: 112,
  execution: "fixed",
  cost: tableCost(22, 2),
  mutates: ({ inputs: [table, , m, v] }) => [table, m, v],
  infer: (inputs, attrs) => checkTable("tableLamb", inputs, attrs, ["table", "table"]),
  reference(call) {
    const { beta1, beta2, eps, weightDecay } = call.attrs;
    const [correction1, correction2] = corrections(call.attrs, call.context.step);
    updateRows(call, 2, ({ w, g, lr, states: [m, v] }) => {
      const r = w.map((weight, d) => {
        m[d] = beta1 * m[d] + (1 - beta1) * g[d];
        v[d] = beta2 * v[d] + (1 - beta2) * g[d] * g[d];
        return m[d] / correction1 / (Math.sqrt(v[d] / correction2) + eps) + weightDecay * weight;
      }) as Floats;
      stepByTrust(w, r, lr);
    });
  },
  encode: ({ attrs: a }) => [a.beta1, a.beta2, a.eps, a.weightDecay, ...encodeTable(a)],
});

/**
 * Adam with one second moment a row. States: m [R, D], v [R]; `v = beta2 v + (1 - beta2) mean over d of g²`, the rest
 * as Adam. Source: FBGEMM's PARTIAL_ROWWISE_ADAM.
 */
export const tablePartialRowWiseAdam = defineOp<TableAttrs & AdamAttrs>({
  kind: "tablePartialRowWiseAdam",
  opcode: 113,
  execution: "fixed",
  cost: tableCost(11, 2),
  mutates: ({ inputs: [table, , m, v] }) => [table, m, v],
  infer: (inputs, attrs) => checkTable("tablePartialRowWiseAdam", inputs, attrs, ["table", "row"]),
  reference(call) {
    const { beta1, beta2, eps } = call.attrs;
    const [correction1, correction2] = corrections(call.attrs, call.context.step);
    updateRows(call, 2, ({ w, g, lr, states: [m, v] }) => {
      v[0] = beta2 * v[0] + ((1 - beta2) * norm(g) ** 2) / w.length;
      const denominator = Math.sqrt(v[0] / correction2) + eps;
      for (let d = 0; d < w.length; d++) {
        m[d] = beta1 * m[d] + (1 - beta1) * g[d];
        w[d] -= (lr * m[d]) / correction1 / denominator;
      }
    });
  },
  encode: ({ attrs: a }) => [a.beta1, a.beta2, a.eps, ...encodeTable(a)],
});

/**
 * LAMB with one second moment a row. States: m [R, D], v [R]; `v = beta2 v + (1 - beta2) mean over d of g²`, the rest as
 * LAMB. Source: FBGEMM's PARTIAL_ROWWISE_LAMB.
 */
export const tablePartialRowWiseLamb = defineOp<TableAttrs & AdamAttrs & { weightDecay: number }>({
  kind: "tablePartialRowWiseLamb",
  opcode: 114,
  execution: "fixed",
  cost: tableCost(18, 2),
  mutates: ({ inputs: [table, , m, v] }) => [table, m, v],
  infer: (inputs, attrs) => checkTable("tablePartialRowWiseLamb", inputs, attrs, ["table", "row"]),
  reference(call) {
    const { beta1, beta2, eps, weightDecay } = call.attrs;
    const [correction1, correction2] = corrections(call.attrs, call.context.step);
    updateRows(call, 2, ({ w, g, lr, states: [m, v] }) => {
      v[0] = beta2 * v[0] + ((1 - beta2) * norm(g) ** 2) / w.length;
      const denominator = Math.sqrt(v[0] / correction2) + eps;
      const r = w.map((weight, d) => {
        m[d] = beta1 * m[d] + (1 - beta1) * g[d];
        return m[d] / correction1 / denominator + weightDecay * weight;
      }) as Floats;
      stepByTrust(w, r, lr);
    });
  },
  encode: ({ attrs: a }) => [a.beta1, a.beta2, a.eps, a.weightDecay, ...encodeTable(a)],
});

/**
 * State: momentum m [R, D]. With a row's `rate = lr eta |w| / (|g| + weightDecay |w|)`, 0 where the divisor is 0:
 * `m = momentum m + rate (g + weightDecay w); w -= m`. A row of zeros stays one. Source: You, Gitman & Ginsburg, "Large
 * Batch Training of Convolutional Networks", 2017, algorithm 1, with a row as its layer, as FBGEMM's LARS_SGD has it.
 */
export const tableLarsSgd = defineOp<TableAttrs & { momentum: number; eta: number; weightDecay: number }>({
  kind: "tableLarsSgd",
  opcode: 115,
  execution: "fixed",
  cost: tableCost(14, 1),
  mutates: ({ inputs: [table, , m] }) => [table, m],
  infer: (inputs, attrs) => checkTable("tableLarsSgd", inputs, attrs, ["table"]),
  reference(call) {
    const { momentum, eta, weightDecay } = call.attrs;
    updateRows(call, 1, ({ w, g, lr, states: [m] }) => {
      const divisor = norm(g) + weightDecay * norm(w);
      const rate = divisor === 0 ? 0 : (lr * eta * norm(w)) / divisor;
      for (let d = 0; d < w.length; d++) {
        m[d] = momentum * m[d] + rate * (g[d] + weightDecay * w[d]);
        w[d] -= m[d];
      }
    });
  },
  encode: ({ attrs: a }) => [a.momentum, a.eta, a.weightDecay, ...encodeTable(a)],
});

/** LAMB's step in the direction r: `w -= lr |w| / |r| r`, where a ratio with a norm of 0 is 1. */
function stepByTrust(w: Floats, r: Floats, lr: number): void {
  const [size, length] = [norm(w), norm(r)];
  const ratio = size === 0 || length === 0 ? 1 : size / length;
  for (let d = 0; d < w.length; d++) w[d] -= lr * ratio * r[d];
}

/** Adam's bias corrections at t = step + 1. */
function corrections({ beta1, beta2 }: AdamAttrs, step: number): [number, number] {
  return [1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)];
}

function norm(x: Floats): number {
  let squares = 0;
  for (const value of x) squares += value * value;
  return Math.sqrt(squares);
}
