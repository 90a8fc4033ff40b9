import { asFp32, type BagValue, defineOp, type NoAttrs } from "../graph/op.js";
import { fp32, sameShape, width } from "../graph/tensor.js";
import { checkShapes } from "./check.js";
import { folding, once, sizeOf } from "./cost.js";
import { isOfBag } from "./segment-sum.js";

/** Maximum over the entries of each row: x [L, D] and the bag [B] of its sequence -> [B, D]. A row without entries gets zeros. */
export const segmentMax = defineOp<NoAttrs>({
  kind: "segmentMax",
  opcode: 170,
  execution: "rowwise",
  entries: "segments",
  operands: "x:entries[n] bag -> out:row[n]",
  meaning: "the maximum over the entries of each row; zeros for a row without entries",
  cost: folding(1),
  infer([x, bag]) {
    checkShapes(isOfBag(x, bag), "segmentMax", "x [L, D], the bag of its sequence [B]", [x, bag]);
    return [fp32("B", width(x))];
  },
  gradient: ({ inputs: [x, bag], outputs: [y], outputGradients: [dy], apply }) => [
    dy && apply(segmentMaxGrad, [dy, y, x, bag], {})[0],
    undefined,
  ],
  reference({ inputs, outputs, context }) {
    const x = asFp32(inputs[0]).data;
    const y = asFp32(outputs[0]).data;
    const { offsets } = inputs[1] as BagValue;
    const n = y.length / context.rows;
    for (let b = 0; b < context.rows; b++) {
      for (let i = offsets[b]; i < offsets[b + 1]; i++) {
        for (let d = 0; d < n; d++)
          if (i === offsets[b] || x[i * n + d] > y[b * n + d]) y[b * n + d] = x[i * n + d];
      }
    }
  },
});

/** dy, y [B, D], x [L, D], the bag [B] -> dx [L, D]: dy for the first entry of the row that is the maximum, 0 for the others. */
export const segmentMaxGrad = defineOp<NoAttrs>({
  kind: "segmentMaxGrad",
  opcode: 171,
  execution: "rowwise",
  entries: "segments",
  operands: "dy:row[n] y:row[n] x:entries[n] bag -> out:entries[n]",
  meaning: "dy for the first entry of a row that is the maximum, 0 for its others",
  cost: ({ shapes }) => once(sizeOf(shapes[2]), shapes),
  infer([dy, y, x, bag]) {
    const row = fp32("B", isOfBag(x, bag) ? width(x) : 0);
    const ok = isOfBag(x, bag) && [dy, y].every((each) => sameShape(each.shape, row.shape));
    checkShapes(ok, "segmentMaxGrad", "dy, y [B, D], x [L, D], its bag [B]", [dy, y, x, bag]);
    return [x];
  },
  reference({ inputs, outputs, context }) {
    const [dy, y, x, dx] = [...inputs.slice(0, 3), outputs[0]].map((value) => asFp32(value).data);
    const { offsets } = inputs[3] as BagValue;
    const n = y.length / context.rows;
    for (let b = 0; b < context.rows; b++) {
      for (let d = 0; d < n; d++) {
        let i = offsets[b];
        while (i < offsets[b + 1] && x[i * n + d] !== y[b * n + d]) i++;
        if (i < offsets[b + 1]) dx[i * n + d] = dy[b * n + d];
      }
    }
  },
});
