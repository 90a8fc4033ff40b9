import { asFp32, type BagValue, defineOp, type Pooling } from "../graph/op.js";
import { fp32, isBag } from "../graph/tensor.js";
import { checkShapes, isTable } from "./check.js";
import { sizeOf } from "./cost.js";
import { readRow, tableOf } from "./table-rows.js";

/** Numbers of the poolings in the program format. */
export const POOLING_CODE: Record<Pooling, number> = { sum: 0, mean: 1 };

/**
 * Pooled embedding lookup: table [R, D], bag [B] -> out [B, D], with `out = sum_i w_i table[id_i]` over the ids of the
 * bag. A mean divides by the number of ids, regardless of weights (as FBGEMM and torchrec's fused modules do). Without
 * a weight column, weights are 1. An empty bag gives zeros.
 */
export const embeddingBag = defineOp<{ pooling: Pooling }>({
  kind: "embeddingBag",
  opcode: 11,
  execution: "rowwise",
  operands: "table[R,D] bag -> out:row[D]",
  attributes: "pooling",
  meaning:
    "`sum_i w_i table[id_i]`, for mean divided by the count of ids, as FBGEMM does; weights are 1 where the column has none; an empty bag gives zeros",
  cost: ({ shapes: [table, bag, out] }) => {
    const gathered = sizeOf(bag) * table[1];
    return { flops: gathered, elements: [gathered, sizeOf(bag), sizeOf(out)] };
  },
  infer([table, bag]) {
    checkShapes(isTable(table) && isBag(bag.dtype), "embeddingBag", "table [R, D], bag ids[B]", [table, bag]);
    return [fp32("B", table.shape[1])];
  },
  gradient: ({ inputs: [, ids], outputGradients: [grad], attrs }) => [
    grad && { ids, grad, pooling: attrs.pooling },
    undefined,
  ],
  reference({ inputs, outputs, attrs, context }) {
    const table = tableOf(inputs[0]);
    const bag = inputs[1] as BagValue;
    const out = asFp32(outputs[0]).data;
    const dim = table.shape[1];
    for (let b = 0; b < context.rows; b++) {
      const begin = bag.offsets[b];
      const end = bag.offsets[b + 1];
      for (let p = begin; p < end; p++) {
        const weight = bag.weights?.[p] ?? 1;
        const row = readRow(table, bag.values[p]);
        for (let d = 0; d < dim; d++) out[b * dim + d] += weight * row[d];
      }
      if (attrs.pooling === "mean" && end > begin) {
        for (let d = 0; d < dim; d++) out[b * dim + d] /= end - begin;
      }
    }
  },
  encode: ({ attrs }) => [POOLING_CODE[attrs.pooling]],
});
