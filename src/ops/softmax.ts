import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { isRow } from "../graph/tensor.js";
import { checkShapes, sameType } from "./check.js";
import { elementwise } from "./cost.js";

/** Softmax over the last dimension: x [B, …, N] -> y [B, …, N], `y_i = exp(x_i - max) / sum_j exp(x_j - max)`. */
export const softmax = defineOp<NoAttrs>({
  kind: "softmax",
  opcode: 81,
  execution: "rowwise",
  operands: "x:row[~n] -> out:row[~n]",
  meaning: "over the last dim",
  cost: elementwise(5),
  infer([x]) {
    checkShapes(x.dtype === "fp32" && isRow(x) && x.shape.length >= 2, "softmax", "x [B, …, N]", [x]);
    return [x];
  },
  gradient: ({ outputs: [y], outputGradients: [dy], apply }) => [dy && apply(softmaxGrad, [dy, y], {})[0]],
  reference({ node, inputs, outputs }) {
    const x = asFp32(inputs[0]).data;
    const y = asFp32(outputs[0]).data;
    const n = node.inputs[0].shape.at(-1) as number;
    for (let start = 0; start < x.length; start += n) {
      const line = Array.from(x.subarray(start, start + n));
      const most = Math.max(...line);
      const exponentials = line.map((value) => Math.exp(value - most));
      const sum = exponentials.reduce((total, value) => total + value, 0);
      for (let i = 0; i < n; i++) y[start + i] = exponentials[i] / sum;
    }
  },
});

/** dy, y [B, …, N] -> dx [B, …, N], `dx_i = y_i (dy_i - sum_j dy_j y_j)`; y is the softmax itself. */
export const softmaxGrad = defineOp<NoAttrs>({
  kind: "softmaxGrad",
  opcode: 82,
  execution: "rowwise",
  operands: "dy:row[~n] y:row[~n] -> out:row[~n]",
  meaning: "`y * (dy - sum(dy * y))`",
  cost: elementwise(4),
  infer([dy, y]) {
    const ok = dy.dtype === "fp32" && isRow(dy) && dy.shape.length >= 2 && sameType(dy, y);
    checkShapes(ok, "softmaxGrad", "dy, y [B, …, N]", [dy, y]);
    return [dy];
  },
  reference({ node, inputs, outputs }) {
    const [dy, y, dx] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    const n = node.inputs[0].shape.at(-1) as number;
    for (let start = 0; start < y.length; start += n) {
      let dot = 0;
      for (let i = start; i < start + n; i++) dot += dy[i] * y[i];
      for (let i = start; i < start + n; i++) dx[i] = y[i] * (dy[i] - dot);
    }
  },
});
