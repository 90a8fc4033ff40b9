import { asFp32, defineOp } from "../graph/op.js";
import type { TensorType } from "../graph/tensor.js";
import { checkShapes, isFixed, sameType } from "./check.js";
import { updating } from "./cost.js";

/*
 * Dense optimizers: each updates a weight in place from its gradient. `l2` adds `l2 * w` to the gradient (the
 * derivative of `l2/2 |w|²` in the loss). Operands: weight, gradient, learning rate [1], states with the weight's
 * shape.
 */

/** `w -= lr g`. */
export const sgd = defineOp<{ l2: number }>({
  kind: "sgd",
  opcode: 50,
  execution: "fixed",
  elementwise: true,
  operands: "w:param![n] grad:fixed[n] lr:number",
  attributes: "l2:real",
  meaning: "`w -= lr*(g + l2 w)`",
  cost: updating(4, [0]),
  infer: (inputs) => checkUpdate("sgd", inputs, 0),
  reference({ inputs, attrs: { l2 } }) {
    const [w, g, [lr]] = inputs.map((v) => asFp32(v).data);
    for (let i = 0; i < w.length; i++) w[i] -= lr * (g[i] + l2 * w[i]);
  },
  encode: ({ attrs }) => [attrs.l2],
});

/** `s += g²; w -= lr g / (sqrt(s) + eps)`. Source: Duchi, Hazan & Singer, 2011. */
export const adagrad = defineOp<{ eps: number; l2: number }>({
  kind: "adagrad",
  opcode: 51,
  execution: "fixed",
  elementwise: true,
  operands: "w:param![n] grad:fixed[n] lr:number sum:param![n]",
  attributes: "eps:real l2:real",
  meaning: "`sum += g²; w -= lr*g/(sqrt(sum)+eps)`",
  cost: updating(9, [0, 3]),
  infer: (inputs) => checkUpdate("adagrad", inputs, 1),
  reference({ inputs, attrs: { eps, l2 } }) {
    const [w, grad, [lr], s] = inputs.map((v) => asFp32(v).data);
    for (let i = 0; i < w.length; i++) {
      const g = grad[i] + l2 * w[i];
      s[i] += g * g;
      w[i] -= (lr * g) / (Math.sqrt(s[i]) + eps);
    }
  },
  encode: ({ attrs }) => [attrs.eps, attrs.l2],
});

export interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
}

/**
 * Adam with bias correction at t = step + 1; `weightDecay` > 0 makes it AdamW (`w *= 1 - lr weightDecay` first).
 * Sources: Kingma & Ba, 2015; Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019.
 */
export const adam = defineOp<AdamAttrs & { l2: number; weightDecay: number }>({
  kind: "adam",
  opcode: 52,
  execution: "fixed",
  elementwise: true,
  operands: "w:param![n] grad:fixed[n] lr:number m:param![n] v:param![n]",
  attributes: "beta1:decay beta2:decay eps:real l2:real weightDecay:real",
  meaning:
    "Kingma & Ba with bias correction at step t = step+1; weightDecay > 0: AdamW (`w *= 1 - lr*wd` first)",
  cost: updating(16, [0, 3, 4]),
  infer: (inputs) => checkUpdate("adam", inputs, 2),
  reference({ inputs, attrs, context }) {
    const [w, grad, [lr], m, v] = inputs.map((value) => asFp32(value).data);
    const step = adamStep(attrs, context.step);
    for (let i = 0; i < w.length; i++) {
      w[i] *= 1 - lr * attrs.weightDecay;
      step(w, m, v, i, grad[i] + attrs.l2 * w[i], lr);
    }
  },
  encode: ({ attrs: a }) => [a.beta1, a.beta2, a.eps, a.l2, a.weightDecay],
});

export interface MomentumAttrs {
  /** Decay of the momentum per step. */
  readonly momentum: number;
  /** The momentum takes `1 - dampening` of each gradient, but the whole first one. */
  readonly dampening: number;
  /** Moves along the gradient plus the momentum that follows, instead of the momentum alone. */
  readonly nesterov: boolean;
}

/**
 * SGD with momentum, in PyTorch's form: `m = momentum m + (1 - dampening) g; w -= lr m`, or with Nesterov's step
 * `w -= lr (g + momentum m)`. The first step has `m = g`. Sources: Polyak, 1964; Sutskever et al., "On the Importance of
 * Initialization and Momentum in Deep Learning", 2013.
 */
export const momentum = defineOp<MomentumAttrs & { l2: number }>({
  kind: "momentum",
  opcode: 130,
  execution: "fixed",
  elementwise: true,
  operands: "w:param![n] grad:fixed[n] lr:number m:param![n]",
  attributes: "momentum:decay dampening:decay nesterov:flag l2:real",
  meaning:
    "`m = momentum m + (1 - dampening) g` (`m = g` at step 0); `w -= lr*m`, with nesterov `w -= lr*(g + momentum m)`",
  cost: updating(8, [0, 3]),
  infer: (inputs) => checkUpdate("momentum", inputs, 1),
  reference({ inputs, attrs: { momentum, dampening, nesterov, l2 }, context }) {
    const [w, grad, [lr], m] = inputs.map((v) => asFp32(v).data);
    const share = context.step === 0 ? 1 : 1 - dampening;
    for (let i = 0; i < w.length; i++) {
      const g = grad[i] + l2 * w[i];
      m[i] = momentum * m[i] + share * g;
      w[i] -= lr * (nesterov ? g + momentum * m[i] : m[i]);
    }
  },
  encode: ({ attrs: a }) => [a.momentum, a.dampening, Number(a.nesterov), a.l2],
});

export interface FadingAttrs {
  readonly decay: number;
  readonly eps: number;
  readonly l2: number;
}

/** `s = decay s + (1 - decay) g²; w -= lr g / (sqrt(s) + eps)`. Source: Tieleman & Hinton, 2012, in PyTorch's form. */
export const rmsprop = defineOp<FadingAttrs>({
  kind: "rmsprop",
  opcode: 131,
  execution: "fixed",
  elementwise: true,
  operands: "w:param![n] grad:fixed[n] lr:number square:param![n]",
  attributes: "decay:decay eps:real l2:real",
  meaning: "`square = decay square + (1 - decay) g²; w -= lr*g/(sqrt(square)+eps)`",
  cost: updating(11, [0, 3]),
  infer: (inputs) => checkUpdate("rmsprop", inputs, 1),
  reference({ inputs, attrs: { decay, eps, l2 } }) {
    const [w, grad, [lr], s] = inputs.map((v) => asFp32(v).data);
    for (let i = 0; i < w.length; i++) {
      const g = grad[i] + l2 * w[i];
      s[i] = decay * s[i] + (1 - decay) * g * g;
      w[i] -= (lr * g) / (Math.sqrt(s[i]) + eps);
    }
  },
  encode: ({ attrs: a }) => [a.decay, a.eps, a.l2],
});

/**
 * `s = decay s + (1 - decay) g²; change = g sqrt(u + eps) / sqrt(s + eps); u = decay u + (1 - decay) change²;
 * w -= lr change`. Source: Zeiler, 2012.
 */
export const adadelta = defineOp<FadingAttrs>({
  kind: "adadelta",
  opcode: 132,
  execution: "fixed",
  elementwise: true,
  operands: "w:param![n] grad:fixed[n] lr:number square:param![n] delta:param![n]",
  attributes: "decay:decay eps:real l2:real",
  meaning:
    "`square = decay square + (1 - decay) g²; c = g sqrt(delta+eps)/sqrt(square+eps); delta = decay delta + (1 - decay) c²; w -= lr*c`",
  cost: updating(18, [0, 3, 4]),
  infer: (inputs) => checkUpdate("adadelta", inputs, 2),
  reference({ inputs, attrs: { decay, eps, l2 } }) {
    const [w, grad, [lr], s, u] = inputs.map((v) => asFp32(v).data);
    for (let i = 0; i < w.length; i++) {
      const g = grad[i] + l2 * w[i];
      s[i] = decay * s[i] + (1 - decay) * g * g;
      const change = (g * Math.sqrt(u[i] + eps)) / Math.sqrt(s[i] + eps);
      u[i] = decay * u[i] + (1 - decay) * change * change;
      w[i] -= lr * change;
    }
  },
  encode: ({ attrs: a }) => [a.decay, a.eps, a.l2],
});

/**
 * `average = decay average + (1 - decay) w`, after the update of w in the same step. Operands: average, weight.
 * Source: Polyak & Juditsky, 1992, with exponentially fading weights.
 */
export const movingAverage = defineOp<{ decay: number }>({
  kind: "movingAverage",
  opcode: 108,
  execution: "fixed",
  elementwise: true,
  operands: "average:param![n] w:fixed[n]",
  attributes: "decay",
  meaning: "`average = decay average + (1 - decay) w`, after the update of w in the same step",
  cost: updating(3, [0]),
  infer(inputs) {
    const ok = inputs.length === 2 && sameType(inputs[0], inputs[1]);
    checkShapes(ok, "movingAverage", "average and weight of one shape", inputs);
    return [];
  },
  reference({ inputs, attrs: { decay } }) {
    const [average, w] = inputs.map((v) => asFp32(v).data);
    for (let i = 0; i < w.length; i++) average[i] = decay * average[i] + (1 - decay) * w[i];
  },
  encode: ({ attrs }) => [attrs.decay],
});

type Numbers = Float32Array | Float64Array;

/** One Adam update of element i by gradient g, in PyTorch's order: `denominator = sqrt(v)/sqrt(1-beta2^t) + eps`. */
export function adamStep(
  { beta1, beta2, eps }: AdamAttrs,
  step: number,
): (w: Numbers, m: Numbers, v: Numbers, i: number, g: number, lr: number) => void {
  const correction1 = 1 - beta1 ** (step + 1);
  const correction2 = 1 - beta2 ** (step + 1);
  return (w, m, v, i, g, lr) => {
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    w[i] -= ((lr / correction1) * m[i]) / (Math.sqrt(v[i]) / Math.sqrt(correction2) + eps);
  };
}

function checkUpdate(op: string, inputs: readonly TensorType[], states: number): [] {
  const [w, g, lr, ...state] = inputs;
  const ok =
    sameType(w, g) && isFixed(lr, 1) && state.length === states && state.every((s) => sameType(s, w));
  checkShapes(
    ok,
    op,
    `weight, gradient, learning rate [1] and ${states} states shaped as the weight`,
    inputs,
  );
  return [];
}
