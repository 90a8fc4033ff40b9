import { asFp32, type BagValue, defineOp, type Op, type Pooling } from "../graph/op.js";
import { entriesOf, fp32, type TensorType, width } from "../graph/tensor.js";
import { checkShapes, isRows, isSequenceBag } from "./check.js";
import { once, sizeOf } from "./cost.js";
import { POOLING_CODE } from "./embedding-bag.js";

/*
 * From entries of a sequence to their rows and back; the bag [B] gives the number of entries of each row. Each of the
 * two operations is the gradient of the other.
 */

/** Sum or mean over the entries of each row: x [L, D] -> [B, D]. A row without entries gets zeros. */
export const segmentSum: Op<{ pooling: Pooling }> = defineOp({
  kind: "segmentSum",
  opcode: 161,
  execution: "rowwise",
  entries: "chunks",
  operands: "x:entry[n] bag:samples -> out:batch[n]",
  attributes: "pooling",
  meaning: "the sum of the entries of each row, in order, or their mean; zeros for a row without entries",
  cost: ({ shapes }) => once(sizeOf(shapes[0]), shapes),
  infer([x, bag]) {
    checkShapes(isOfBag(x, bag), "segmentSum", "x [L, D], the bag of its sequence [B]", [x, bag]);
    return [fp32("B", width(x))];
  },
  gradient: ({ inputs: [, bag], outputGradients: [dy], attrs, apply }) => [
    dy && apply(repeatRows, [dy, bag], attrs)[0],
    undefined,
  ],
  reference({ inputs, outputs, attrs, context }) {
    const x = asFp32(inputs[0]).data;
    const out = asFp32(outputs[0]).data;
    const { offsets } = inputs[1] as BagValue;
    const n = out.length / context.rows;
    for (let b = 0; b < context.rows; b++) {
      const count = offsets[b + 1] - offsets[b];
      for (let i = offsets[b]; i < offsets[b + 1]; i++) {
        for (let d = 0; d < n; d++) out[b * n + d] += x[i * n + d];
      }
      if (attrs.pooling === "mean" && count > 0) for (let d = 0; d < n; d++) out[b * n + d] /= count;
    }
  },
  encode: ({ attrs }) => [POOLING_CODE[attrs.pooling]],
});

/** Repeats each row for its entries: x [B, D] -> [L, D]; with the pooling `mean` divided by their number. */
export const repeatRows: Op<{ pooling: Pooling }> = defineOp({
  kind: "repeatRows",
  opcode: 162,
  execution: "rowwise",
  entries: "chunks",
  operands: "x:batch[n] bag:samples -> out:entry[n]",
  attributes: "pooling",
  meaning: "the row of each entry; for mean divided by the number of its entries",
  cost: ({ shapes, attributes: [pooling] }) => once(pooling * sizeOf(shapes[2]), shapes),
  infer([x, bag]) {
    const ok = isRows(x, 2) && x.shape[0] === "B" && isSequenceBag(bag);
    checkShapes(ok, "repeatRows", "x [B, D], a bag of a sequence [B]", [x, bag]);
    return [{ dtype: "fp32", shape: [bag.entries!, width(x)] }];
  },
  gradient: ({ inputs: [, bag], outputGradients: [dy], attrs, apply }) => [
    dy && apply(segmentSum, [dy, bag], attrs)[0],
    undefined,
  ],
  reference({ inputs, outputs, attrs, context }) {
    const x = asFp32(inputs[0]).data;
    const out = asFp32(outputs[0]).data;
    const { offsets } = inputs[1] as BagValue;
    const n = x.length / context.rows;
    for (let b = 0; b < context.rows; b++) {
      const divisor = attrs.pooling === "mean" ? offsets[b + 1] - offsets[b] : 1;
      for (let i = offsets[b]; i < offsets[b + 1]; i++) {
        for (let d = 0; d < n; d++) out[i * n + d] = x[b * n + d] / divisor;
      }
    }
  },
  encode: ({ attrs }) => [POOLING_CODE[attrs.pooling]],
});

/** True for entries fp32 [L, n] of the bag's sequence. */
export function isOfBag(x: TensorType, bag: TensorType): boolean {
  return isRows(x, 2) && isSequenceBag(bag) && entriesOf(x) === bag.entries;
}
