import { asFp32, type BagValue, defineOp, type NoAttrs } from "../graph/op.js";
import { checkShapes, sameType } from "./check.js";
import { elementwise } from "./cost.js";
import { isOfBag } from "./segment-sum.js";

/** Softmax over the entries of each row: x [L, 1], the bag [B] of its sequence -> [L, 1]. */
export const segmentSoftmax = defineOp<NoAttrs>({
  kind: "segmentSoftmax",
  opcode: 163,
  execution: "rowwise",
  entries: "segments",
  operands: "x:entries[1] bag -> out:entries[1]",
  meaning: "softmax over the entries of each row",
  cost: elementwise(5),
  infer([x, bag]) {
    checkShapes(isOfBag(x, bag) && x.shape[1] === 1, "segmentSoftmax", "x [L, 1], its bag [B]", [x, bag]);
    return [x];
  },
  gradient: ({ inputs: [, bag], outputs: [y], outputGradients: [dy], apply }) => [
    dy && apply(segmentSoftmaxGrad, [dy, y, bag], {})[0],
    undefined,
  ],
  reference({ inputs, outputs, context }) {
    const x = asFp32(inputs[0]).data;
    const y = asFp32(outputs[0]).data;
    const { offsets } = inputs[1] as BagValue;
    for (let b = 0; b < context.rows; b++) {
      const line = Array.from(x.subarray(offsets[b], offsets[b + 1]));
      const most = line.reduce((a, value) => Math.max(a, value), Number.NEGATIVE_INFINITY);
      const exponentials = line.map((value) => Math.exp(value - most));
      const sum = exponentials.reduce((total, value) => total + value, 0);
      y.set(
        exponentials.map((value) => value / sum),
        offsets[b],
      );
    }
  },
});

/** dy, y [L, 1], the bag [B] -> dx [L, 1], `dx_i = y_i (dy_i - sum_j dy_j y_j)`; y is the softmax itself. */
export const segmentSoftmaxGrad = defineOp<NoAttrs>({
  kind: "segmentSoftmaxGrad",
  opcode: 164,
  execution: "rowwise",
  entries: "segments",
  operands: "dy:entries[1] y:entries[1] bag -> out:entries[1]",
  meaning: "`y * (dy - sum(dy * y))` over the entries of each row",
  cost: elementwise(4),
  infer([dy, y, bag]) {
    const ok = isOfBag(y, bag) && y.shape[1] === 1 && sameType(dy, y);
    checkShapes(ok, "segmentSoftmaxGrad", "dy, y [L, 1], their bag [B]", [dy, y, bag]);
    return [dy];
  },
  reference({ inputs, outputs, context }) {
    const [dy, y, dx] = [inputs[0], inputs[1], outputs[0]].map((value) => asFp32(value).data);
    const { offsets } = inputs[2] as BagValue;
    for (let b = 0; b < context.rows; b++) {
      let dot = 0;
      for (let i = offsets[b]; i < offsets[b + 1]; i++) dot += dy[i] * y[i];
      for (let i = offsets[b]; i < offsets[b + 1]; i++) dx[i] = y[i] * (dy[i] - dot);
    }
  },
});
