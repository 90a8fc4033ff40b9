import { asFp32, defineOp } from "../graph/op.js";
import { isRow } from "../graph/tensor.js";
import { checkShapes, sameType } from "./check.js";
import { elementwise } from "./cost.js";

/** An activation: its value, and its gradient as a function of its output `y` or input `x`. */
interface ActivationRule {
  /** Number in the program format. */
  readonly code: number;
  readonly value: (x: number) => number;
  readonly slopeFrom: "output" | "input";
  /** dy times the slope at `s`. */
  readonly gradient: (dy: number, s: number) => number;
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const LEAK = 0.01;

export const ACTIVATIONS = {
  none: { code: 0, value: (x) => x, slopeFrom: "output", gradient: (dy) => dy },
  // A unit that is off blocks every gradient, even NaN. A NaN unit passes all gradients, as in PyTorch.
  relu: {
    code: 1,
    value: (x) => Math.max(x, 0),
    slopeFrom: "output",
    gradient: (dy, y) => (y <= 0 ? 0 : dy),
  },
  sigmoid: { code: 2, value: logistic, slopeFrom: "output", gradient: (dy, y) => dy * y * (1 - y) },
  tanh: { code: 3, value: Math.tanh, slopeFrom: "output", gradient: (dy, y) => dy * (1 - y * y) },
  leakyRelu: {
    code: 4,
    value: (x) => (x > 0 ? x : LEAK * x),
    slopeFrom: "output",
    gradient: (dy, y) => (y <= 0 ? LEAK * dy : dy),
  },
  silu: {
    code: 5,
    value: (x) => x * logistic(x),
    slopeFrom: "input",
    gradient: (dy, x) => dy * logistic(x) * (1 + x * (1 - logistic(x))),
  },
  gelu: {
    code: 6,
    value: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
    slopeFrom: "input",
    gradient: (dy, x) =>
      dy * ((1 + erf(x / Math.SQRT2)) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)),
  },
  softplus: {
    code: 7,
    value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    slopeFrom: "input",
    gradient: (dy, x) => dy * logistic(x),
  },
  elu: {
    code: 8,
    value: (x) => (x > 0 ? x : Math.expm1(x)),
    slopeFrom: "output",
    gradient: (dy, y) => (y <= 0 ? dy * (y + 1) : dy),
  },
  sin: { code: 9, value: Math.sin, slopeFrom: "input", gradient: (dy, x) => dy * Math.cos(x) },
  cos: { code: 10, value: Math.cos, slopeFrom: "input", gradient: (dy, x) => -dy * Math.sin(x) },
} satisfies Record<string, ActivationRule>;

export type ActivationFn = keyof typeof ACTIVATIONS;

/** Elementwise activation, x [B, …] -> [B, …]. */
export const activation = defineOp<{ fn: ActivationFn }>({
  kind: "activation",
  opcode: 16,
  execution: "rowwise",
  entries: "rows",
  elementwise: true,
  operands: "x:row[n] -> out:row[n]",
  attributes: "fn",
  meaning: "`fn(x)`",
  cost: elementwise(1),
  infer([x]) {
    checkShapes(x.dtype === "fp32" && isRow(x), "activation", "x fp32[B, …]", [x]);
    return [x];
  },
  gradient({ inputs: [x], outputs: [y], outputGradients: [dy], attrs, apply }) {
    if (!dy) return [undefined];
    return apply(activationGrad, [dy, ACTIVATIONS[attrs.fn].slopeFrom === "output" ? y : x], attrs);
  },
  reference({ inputs, outputs, attrs }) {
    const x = asFp32(inputs[0]).data;
    const y = asFp32(outputs[0]).data;
    const { value } = ACTIVATIONS[attrs.fn];
    for (let i = 0; i < x.length; i++) y[i] = value(x[i]);
  },
  encode: ({ attrs }) => [ACTIVATIONS[attrs.fn].code],
});

/** dx = dy * fn'(·), computed from the activation's output or input as `ACTIVATIONS[fn].slopeFrom` says. */
export const activationGrad = defineOp<{ fn: ActivationFn }>({
  kind: "activationGrad",
  opcode: 17,
  execution: "rowwise",
  entries: "rows",
  elementwise: true,
  operands: "dy:row[n] s:row[n] -> out:row[n]",
  attributes: "fn",
  meaning: "`dy * fn'`; s is fn's output for 1 to 4 and 8, its input for others",
  cost: elementwise(2),
  infer([dy, s]) {
    checkShapes(sameType(dy, s), "activationGrad", "dy and s of one type", [dy, s]);
    return [dy];
  },
  reference({ inputs, outputs, attrs }) {
    const dy = asFp32(inputs[0]).data;
    const s = asFp32(inputs[1]).data;
    const dx = asFp32(outputs[0]).data;
    const { gradient } = ACTIVATIONS[attrs.fn];
    for (let i = 0; i < dy.length; i++) dx[i] = gradient(dy[i], s[i]);
  },
  encode: ({ attrs }) => [ACTIVATIONS[attrs.fn].code],
});

/**
 * The error function to float64 rounding: `2/sqrt(pi) e^(-x²) sum_n 2^n x^(2n+1) / (2n+1)!!` (Abramowitz & Stegun
 * 7.1.6), whose terms all have the same sign.
 */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
