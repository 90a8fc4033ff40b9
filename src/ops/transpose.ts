import { asFp32, defineOp, type NoAttrs, type Op } from "../graph/op.js";
import { fp32 } from "../graph/tensor.js";
import { checkShapes, isRows } from "./check.js";
import { elementwise } from "./cost.js";

/** Transposes the matrix of every row: x [B, M, N] -> [B, N, M]. */
export const transpose: Op<NoAttrs> = defineOp({
  kind: "transpose",
  opcode: 84,
  execution: "rowwise",
  operands: "x:row[m,n] -> out:row[n,m]",
  meaning: "the matrix of each row transposed",
  cost: elementwise(0),
  infer([x]) {
    checkShapes(isRows(x, 3), "transpose", "x [B, M, N]", [x]);
    return [fp32("B", x.shape[2], x.shape[1])];
  },
  gradient: ({ outputGradients: [dy], apply }) => [dy && apply(transpose, [dy], {})[0]],
  reference({ inputs, outputs, context }) {
    const x = asFp32(inputs[0]);
    const y = asFp32(outputs[0]).data;
    const [, m, n] = x.shape;
    for (let b = 0; b < context.rows; b++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) y[(b * n + j) * m + i] = x.data[(b * m + i) * n + j];
      }
    }
  },
});
