import { asFp32, defineOp } from "../graph/op.js";
import { fp32, type TensorType } from "../graph/tensor.js";
import { checkShapes, sameType } from "./check.js";
import { elementwise } from "./cost.js";

const COLUMN: TensorType = fp32("B", 1);

export interface FocalAttrs {
  /** How much the weight of well-predicted rows is reduced; 0 is cross-entropy. */
  readonly gamma: number;
  /** Weight of positives; negatives have `1 - alpha`. */
  readonly alpha: number;
}

/**
 * Focal loss on logits z with labels y, all [B, 1]: with u = z for a positive (y above 1/2) and u = -z for a negative,
 * p = sigmoid(u) is the probability of the label, and the loss is `a (1 - p)^gamma (-log p)`, a = alpha or 1 - alpha.
 * Written with softplus, which neither overflows nor loses small terms: `(1 - p)^gamma = exp(-gamma softplus(u))`,
 * `-log p = softplus(-u)`. Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
 */
export const focalCrossEntropy = defineOp<FocalAttrs>({
  kind: "focalCrossEntropy",
  opcode: 100,
  execution: "rowwise",
  elementwise: true,
  operands: "logits:row[1] labels:row[1] -> out:row[1]",
  attributes: "gamma:real alpha:real",
  meaning:
    "with u = z, a = alpha where y > 1/2, else u = -z, a = 1 - alpha: `a exp(-gamma softplus(u)) softplus(-u)`",
  cost: elementwise(14),
  infer: (inputs) => columns("focalCrossEntropy", inputs, 2),
  gradient: ({ inputs: [logits, labels], outputGradients: [dl], attrs, apply }) => [
    dl && apply(focalCrossEntropyGrad, [dl, logits, labels], attrs)[0],
    undefined,
  ],
  reference({ inputs, outputs, attrs: { gamma, alpha } }) {
    const [z, y, out] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    for (let b = 0; b < out.length; b++) {
      const [u, a] = y[b] > 0.5 ? [z[b], alpha] : [-z[b], 1 - alpha];
      out[b] = a * Math.exp(-gamma * softplus(u)) * softplus(-u);
    }
  },
  encode: ({ attrs }) => [attrs.gamma, attrs.alpha],
});

/** dl, z, y [B, 1] -> `dl * d loss / dz` [B, 1]; by u it is `-a (1 - p)^gamma (gamma p softplus(-u) + 1 - p)`. */
export const focalCrossEntropyGrad = defineOp<FocalAttrs>({
  kind: "focalCrossEntropyGrad",
  opcode: 101,
  execution: "rowwise",
  elementwise: true,
  operands: "dl:row[1] logits:row[1] labels:row[1] -> out:row[1]",
  attributes: "gamma:real alpha:real",
  meaning: "`dl` times its derivative by z",
  cost: elementwise(26),
  infer: (inputs) => columns("focalCrossEntropyGrad", inputs, 3),
  reference({ inputs, outputs, attrs: { gamma, alpha } }) {
    const [dl, z, y, out] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    for (let b = 0; b < out.length; b++) {
      const [u, a] = y[b] > 0.5 ? [z[b], -alpha] : [-z[b], 1 - alpha];
      const slope = gamma * sigmoid(u) * softplus(-u) + sigmoid(-u);
      out[b] = dl[b] * a * Math.exp(-gamma * softplus(u)) * slope;
    }
  },
  encode: ({ attrs }) => [attrs.gamma, attrs.alpha],
});

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function columns(op: string, inputs: readonly TensorType[], count: number): TensorType[] {
  const ok = inputs.length === count && inputs.every((t) => sameType(t, COLUMN));
  checkShapes(ok, op, `${count} columns [B, 1]`, inputs);
  return [COLUMN];
}
