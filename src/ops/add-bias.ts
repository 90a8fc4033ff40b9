import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { checkShapes, isFixed, isRows } from "./check.js";
import { elementwise } from "./cost.js";
import { sumRows } from "./sum-rows.js";

/**
 * Adds a bias to every row: x [B, N], b [N] -> `x + b` [B, N]. Linear layers have their own; this is for sums of
 * weights.
 */
export const addBias = defineOp<NoAttrs>({
  kind: "addBias",
  opcode: 44,
  execution: "rowwise",
  elementwise: true,
  operands: "x:row[n] b:fixed[n] -> out:row[n]",
  meaning: "`x + b`",
  cost: elementwise(1),
  infer([x, b]) {
    checkShapes(isRows(x, 2) && isFixed(b, x.shape[1]), "addBias", "x [B, N], b [N]", [x, b]);
    return [x];
  },
  gradient: ({ outputGradients: [dy], apply }) => (dy ? [dy, apply(sumRows, [dy], {})[0]] : []),
  reference({ inputs, outputs }) {
    const [x, b, y] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    for (let i = 0; i < x.length; i++) y[i] = x[i] + b[i % b.length];
  },
});
