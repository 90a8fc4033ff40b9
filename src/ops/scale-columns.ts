import { asFp32, defineOp, type NoAttrs, type Op } from "../graph/op.js";
import { multiply } from "./arithmetic.js";
import { checkShapes, isFixed, isRows } from "./check.js";
import { elementwise } from "./cost.js";
import { sumRows } from "./sum-rows.js";

/** One factor per column, the same in every row: x [B, N], w [N] -> `x * w` [B, N]. */
export const scaleColumns: Op<NoAttrs> = defineOp({
  kind: "scaleColumns",
  opcode: 83,
  execution: "rowwise",
  elementwise: true,
  operands: "x:row[n] w:fixed[n] -> out:row[n]",
  meaning: "`x * w`",
  cost: elementwise(1),
  infer([x, w]) {
    checkShapes(isRows(x, 2) && isFixed(w, x.shape[1]), "scaleColumns", "x [B, N], w [N]", [x, w]);
    return [x];
  },
  gradient({ inputs: [x, w], outputGradients: [dy], apply }) {
    if (!dy) return [];
    const [products] = apply(multiply, [dy, x], {});
    return [apply(scaleColumns, [dy, w], {})[0], apply(sumRows, [products], {})[0]];
  },
  reference({ inputs, outputs }) {
    const [x, w, y] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    for (let i = 0; i < x.length; i++) y[i] = x[i] * w[i % w.length];
  },
});
