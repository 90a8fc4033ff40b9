import { asFp32, defineOp, type Floats } from "../graph/op.js";
import { columnsOf, fp32, type TensorType } from "../graph/tensor.js";
import { checkShapes, isRows, sameType } from "./check.js";
import { elementwise, folding } from "./cost.js";

const COLUMN: TensorType = fp32("B", 1);

export interface SoftmaxLossAttrs {
  /** The share s of the target that is spread equally over all classes. */
  readonly smoothing: number;
}

/**
 * Cross-entropy of the softmax of logits z [B, C] against the class y [B, 1], one of 0 … C - 1, with label smoothing:
 * with log p_c = z_c - log(sum_k exp z_k), the loss [B, 1] is `-(1 - s) log p_y - s / C sum_c log p_c`. A label that is
 * no class makes the row's loss NaN. Source of the smoothing: Szegedy et al., "Rethinking the Inception Architecture
 * for Computer Vision", CVPR 2016, section 7; the form is PyTorch's.
 */
export const softmaxCrossEntropy = defineOp<SoftmaxLossAttrs>({
  kind: "softmaxCrossEntropy",
  opcode: 120,
  execution: "rowwise",
  operands: "logits:row[n] labels:row[1] -> out:row[1]",
  attributes: "smoothing:rate",
  meaning: "`-(1-s) log p_y - s/C sum_c log p_c`, p the softmax; NaN where the label is not one of 0 … C-1",
  // A class: a comparison, a difference, an exponential, a sum.
  cost: folding(4),
  infer(inputs) {
    const [logits, labels] = inputs;
    const ok = inputs.length === 2 && isRows(logits, 2) && sameType(labels, COLUMN);
    checkShapes(ok, "softmaxCrossEntropy", "logits [B, C], labels [B, 1]", inputs);
    return [COLUMN];
  },
  gradient: ({ inputs: [logits, labels], outputGradients: [dl], attrs, apply }) => [
    dl && apply(softmaxCrossEntropyGrad, [dl, logits, labels], attrs)[0],
    undefined,
  ],
  reference({ node, inputs, outputs, attrs: { smoothing } }) {
    const [z, y, loss] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    const classes = columnsOf(node.inputs[0]);
    for (let b = 0; b < loss.length; b++) {
      const row = z.subarray(b * classes, (b + 1) * classes);
      const logP = logSoftmax(row);
      const label = classOf(y[b], classes);
      loss[b] = label === undefined ? Number.NaN : -(1 - smoothing) * logP[label];
      if (smoothing > 0) for (let c = 0; c < classes; c++) loss[b] -= (smoothing / classes) * logP[c];
    }
  },
  encode: ({ attrs }) => [attrs.smoothing],
});

/** dl [B, 1], z [B, C], y [B, 1] -> `dl (p_c - (1 - s) [c = y] - s / C)` [B, C]; NaN if y is not a class. */
export const softmaxCrossEntropyGrad = defineOp<SoftmaxLossAttrs>({
  kind: "softmaxCrossEntropyGrad",
  opcode: 121,
  execution: "rowwise",
  operands: "dl:row[1] logits:row[n] labels:row[1] -> out:row[n]",
  attributes: "smoothing:rate",
  meaning: "`dl (p_c - (1-s) [c = y] - s/C)`; NaN where the label is no class",
  cost: elementwise(8),
  infer(inputs) {
    const [dl, logits, labels] = inputs;
    const ok = inputs.length === 3 && sameType(dl, COLUMN) && isRows(logits, 2) && sameType(labels, COLUMN);
    checkShapes(ok, "softmaxCrossEntropyGrad", "dl [B, 1], logits [B, C], labels [B, 1]", inputs);
    return [logits];
  },
  reference({ node, inputs, outputs, attrs: { smoothing } }) {
    const [dl, z, y, dz] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    const classes = columnsOf(node.inputs[1]);
    for (let b = 0; b < y.length; b++) {
      const row = z.subarray(b * classes, (b + 1) * classes);
      const logP = logSoftmax(row);
      const label = classOf(y[b], classes);
      for (let c = 0; c < classes; c++) {
        const target = smoothing / classes + (c === label ? 1 - smoothing : 0);
        const slope = Math.exp(logP[c]) - target;
        dz[b * classes + c] = label === undefined ? Number.NaN : dl[b] * slope;
      }
    }
  },
  encode: ({ attrs }) => [attrs.smoothing],
});

function logSoftmax(z: Floats): number[] {
  const most = Math.max(...z);
  const shifted = Array.from(z, (value) => value - most);
  const logSum = Math.log(shifted.reduce((sum, value) => sum + Math.exp(value), 0));
  return shifted.map((value) => value - logSum);
}

function classOf(label: number, classes: number): number | undefined {
  return Number.isInteger(label) && label >= 0 && label < classes ? label : undefined;
}
