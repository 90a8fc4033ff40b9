import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { fp32, type TensorType } from "../graph/tensor.js";
import { checkShapes, isFixed, sameType } from "./check.js";
import { elementwise, folding } from "./cost.js";

const COLUMN: TensorType = fp32("B", 1);

/**
 * Binary cross-entropy on logits: z, y [B, 1] -> `max(z, 0) - z y + log(1 + exp(-|z|))` [B, 1], a form that does not
 * overflow or lose small terms. Labels are in [0, 1].
 */
export const sigmoidCrossEntropy = defineOp<NoAttrs>({
  kind: "sigmoidCrossEntropy",
  opcode: 39,
  execution: "rowwise",
  elementwise: true,
  operands: "logits:row[1] labels:row[1] -> out:row[1]",
  meaning: "`max(z,0) - z*y + log1p(exp(-abs(z)))`",
  cost: elementwise(7),
  infer([logits, labels]) {
    checkShapes(
      sameType(logits, COLUMN) && sameType(labels, COLUMN),
      "sigmoidCrossEntropy",
      "logits, labels [B, 1]",
      [logits, labels],
    );
    return [COLUMN];
  },
  gradient: ({ inputs: [logits, labels], outputGradients: [dl], apply }) => [
    dl && apply(sigmoidCrossEntropyGrad, [dl, logits, labels], {})[0],
    undefined,
  ],
  reference({ inputs, outputs }) {
    const [z, y, out] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    for (let b = 0; b < out.length; b++) {
      out[b] = Math.max(z[b], 0) - z[b] * y[b] + Math.log1p(Math.exp(-Math.abs(z[b])));
    }
  },
});

/** dl, logits z, labels y [B, 1] -> `dl (sigmoid(z) - y)` [B, 1]. */
export const sigmoidCrossEntropyGrad = defineOp<NoAttrs>({
  kind: "sigmoidCrossEntropyGrad",
  opcode: 40,
  execution: "rowwise",
  elementwise: true,
  operands: "dl:row[1] logits:row[1] labels:row[1] -> out:row[1]",
  meaning: "`dl * (sigmoid(z) - y)`",
  cost: elementwise(6),
  infer(inputs) {
    checkShapes(
      inputs.length === 3 && inputs.every((t) => sameType(t, COLUMN)),
      "sigmoidCrossEntropyGrad",
      "dl, logits, labels [B, 1]",
      inputs,
    );
    return [COLUMN];
  },
  reference({ inputs, outputs }) {
    const [dl, z, y, out] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    for (let b = 0; b < out.length; b++) out[b] = dl[b] * (1 / (1 + Math.exp(-z[b])) - y[b]);
  },
});

/** Mean over the batch: x [B, 1] -> [1]. */
export const batchMean = defineOp<NoAttrs>({
  kind: "batchMean",
  opcode: 41,
  execution: "reduces",
  operands: "x:row[1] -> out:partial[1]",
  meaning: "the sum of the rows of a group; the mean when combined",
  combine: "mean",
  cost: folding(1),
  infer([x]) {
    checkShapes(sameType(x, COLUMN), "batchMean", "x [B, 1]", [x]);
    return [fp32(1)];
  },
  gradient: ({ outputGradients: [d], apply }) => [d && apply(batchMeanGrad, [d], {})[0]],
  reference({ inputs, outputs, context: { rows } }) {
    let sum = 0;
    for (const x of asFp32(inputs[0]).data) sum += x;
    asFp32(outputs[0]).data[0] = sum / rows;
  },
});

/** d [1] -> `d / B` for every row [B, 1]. */
export const batchMeanGrad = defineOp<NoAttrs>({
  kind: "batchMeanGrad",
  opcode: 42,
  execution: "rowwise",
  operands: "d:number -> out:row[1]",
  meaning: "`d / rows`",
  cost: elementwise(1),
  infer([d]) {
    checkShapes(isFixed(d, 1), "batchMeanGrad", "d [1]", [d]);
    return [COLUMN];
  },
  reference: ({ inputs, outputs, context: { rows } }) =>
    void asFp32(outputs[0]).data.fill(asFp32(inputs[0]).data[0] / rows),
});
