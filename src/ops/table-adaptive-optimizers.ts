import type { Floats, StepContext } from "../graph/op.js";
import type { AdamAttrs } from "./optimizers.js";
import { tableUpdate } from "./table-update.js";

/**
 * State: mean of squares [R, D]. `s = decay s + (1 - decay) g²; w -= lr g / (sqrt(s) + eps)`.
 * Source: Tieleman & Hinton, Coursera lecture 6.5, 2012, in PyTorch's form.
 */
export const tableRmsprop = tableUpdate<{ decay: number; eps: number }>({
  kind: "tableRmsprop",
  opcode: 110,
  states: { square: "table" },
  settings: { decay: "decay", eps: "real" },
  flops: 11,
  meaning: "`s = decay s + (1 - decay) g²; w -= lr*g/(sqrt(s)+eps)`, s the row of square",
  update:
    ({ decay, eps }) =>
    ({ w, g, lr, states: [s] }) => {
      for (let d = 0; d < w.length; d++) {
        s[d] = decay * s[d] + (1 - decay) * g[d] * g[d];
        w[d] -= (lr * g[d]) / (Math.sqrt(s[d]) + eps);
      }
    },
});

/**
 * States: mean of squared gradients s and of squared changes u, both [R, D]. `s = decay s + (1 - decay) g²;
 * change = g sqrt(u + eps) / sqrt(s + eps); u = decay u + (1 - decay) change²; w -= lr change`. Source: Zeiler, 2012.
 */
export const tableAdadelta = tableUpdate<{ decay: number; eps: number }>({
  kind: "tableAdadelta",
  opcode: 111,
  states: { square: "table", delta: "table" },
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
});

/**
 * States: m, v [R, D] of Adam. With Adam's `r = m̂ / (sqrt(v̂) + eps) + weightDecay w` of a row:
 * `w -= lr |w| / |r| r`, where a ratio with a norm of 0 is 1. Source: You et al., "Large Batch Optimization for Deep
 * Learning", ICLR 2020, with a row as its layer, as FBGEMM's LAMB has it.
 */
export const tableLamb = tableUpdate<AdamAttrs & { weightDecay: number }>({
  kind: "tableLamb",
  opcode: 112,
  states: { m: "table", v: "table" },
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
});

/**
 * Adam with one second moment a row. States: m [R, D], v [R]; `v = beta2 v + (1 - beta2) mean over d of g²`, the rest
 * as Adam. Source: FBGEMM's PARTIAL_ROWWISE_ADAM.
 */
export const tablePartialRowWiseAdam = tableUpdate<AdamAttrs>({
  kind: "tablePartialRowWiseAdam",
  opcode: 113,
  states: { m: "table", v: "row" },
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
});

/**
 * LAMB with one second moment a row. States: m [R, D], v [R]; `v = beta2 v + (1 - beta2) mean over d of g²`, the rest as
 * LAMB. Source: FBGEMM's PARTIAL_ROWWISE_LAMB.
 */
export const tablePartialRowWiseLamb = tableUpdate<AdamAttrs & { weightDecay: number }>({
  kind: "tablePartialRowWiseLamb",
  opcode: 114,
  states: { m: "table", v: "row" },
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
});

/**
 * State: momentum m [R, D]. With a row's `rate = lr eta |w| / (|g| + weightDecay |w|)`, 0 where the divisor is 0:
 * `m = momentum m + rate (g + weightDecay w); w -= m`. A row of zeros stays one. Source: You, Gitman & Ginsburg, "Large
 * Batch Training of Convolutional Networks", 2017, algorithm 1, with a row as its layer, as FBGEMM's LARS_SGD has it.
 */
export const tableLarsSgd = tableUpdate<{ momentum: number; eta: number; weightDecay: number }>({
  kind: "tableLarsSgd",
  opcode: 115,
  states: { m: "table" },
  settings: { momentum: "decay", eta: "real", weightDecay: "real" },
  flops: 14,
  meaning:
    "by row, `rate = lr*eta*norm(w)/(norm(g) + weightDecay norm(w))`, 0 where the divisor is 0; `m = momentum m + rate*(g + weightDecay w); w -= m`",
  update:
    ({ momentum, eta, weightDecay }) =>
    ({ w, g, lr, states: [m] }) => {
      const divisor = norm(g) + weightDecay * norm(w);
      const rate = divisor === 0 ? 0 : (lr * eta * norm(w)) / divisor;
      for (let d = 0; d < w.length; d++) {
        m[d] = momentum * m[d] + rate * (g[d] + weightDecay * w[d]);
        w[d] -= m[d];
      }
    },
});

/** LAMB's step in the direction r: `w -= lr |w| / |r| r`, where a ratio with a norm of 0 is 1. */
function stepByTrust(w: Floats, r: Floats, lr: number): void {
  const [size, length] = [norm(w), norm(r)];
  const ratio = size === 0 || length === 0 ? 1 : size / length;
  for (let d = 0; d < w.length; d++) w[d] -= lr * ratio * r[d];
}

/** Adam's bias corrections at t = step + 1. */
function corrections({ beta1, beta2 }: AdamAttrs, { step }: StepContext): [number, number] {
  return [1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)];
}

function norm(x: Floats): number {
  let squares = 0;
  for (const value of x) squares += value * value;
  return Math.sqrt(squares);
}
