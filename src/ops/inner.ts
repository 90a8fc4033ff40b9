import type { NoAttrs } from "../graph/op.js";
import { asFp32, defineOp, type Op } from "../graph/op.js";
import { dimensionOf, fp32 } from "../graph/tensor.js";
import { checkShapes, isRows } from "./check.js";
import { elementwise, folding } from "./cost.js";

/** Sum over the last dimension: x [B, F, D] -> [B, F]. */
export const sumInner: Op<NoAttrs> = defineOp({
  kind: "sumInner",
  opcode: 75,
  execution: "rowwise",
  operands: "x:row[F,D] -> out:row[F]",
  meaning: "sum over D",
  cost: folding(1),
  infer([x]) {
    checkShapes(isRows(x, 3), "sumInner", "x [B, F, D]", [x]);
    return [fp32("B", x.shape[1])];
  },
  gradient: ({ inputs: [x], outputGradients: [dy], apply }) => [
    dy && apply(broadcastInner, [dy], { size: dimensionOf(x, 2) })[0],
  ],
  reference({ inputs, outputs }) {
    const { data, shape } = asFp32(inputs[0]);
    const y = asFp32(outputs[0]).data;
    data.forEach((value, i) => {
      y[Math.floor(i / shape[2])] += value;
    });
  },
});

/** Repeats every element along a new last dimension: x [B, F] -> [B, F, size]. */
export const broadcastInner: Op<{ size: number }> = defineOp({
  kind: "broadcastInner",
  opcode: 76,
  execution: "rowwise",
  operands: "x:row[F] -> out:row[F,D]",
  meaning: "each value repeated D times",
  cost: elementwise(0),
  infer([x], { size }) {
    checkShapes(isRows(x, 2), "broadcastInner", "x [B, F]", [x]);
    return [fp32("B", x.shape[1], size)];
  },
  gradient: ({ outputGradients: [dy], apply }) => [dy && apply(sumInner, [dy], {})[0]],
  reference({ inputs, outputs, attrs }) {
    const y = asFp32(outputs[0]).data;
    asFp32(inputs[0]).data.forEach((x, i) => void y.fill(x, i * attrs.size, (i + 1) * attrs.size));
  },
});
