import { asFp32, type BagValue, defineOp, type Floats, type KernelCall, type Pooling } from "../graph/op.js";
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
  reference(call) {
    const table = tableOf(call.inputs[0]);
    poolBags(call, call.attrs.pooling, (row) => readRow(table, row));
  },
  encode: ({ attrs }) => [POOLING_CODE[attrs.pooling]],
});

/** Pools the rows of each bag, the second input, into the output: `rowOf` gives the numbers of a row. */
export function poolBags(
  { inputs, outputs, context }: KernelCall,
  pooling: Pooling,
  rowOf: (row: number) => Floats,
): void {
  const { values, offsets, weights } = inputs[1] as BagValue;
  const { data, shape } = asFp32(outputs[0]);
  for (let b = 0; b < context.rows; b++) {
    const [begin, end] = [offsets[b], offsets[b + 1]];
    const pooled = data.subarray(b * shape[1], (b + 1) * shape[1]);
    for (let p = begin; p < end; p++) addScaled(pooled, weights?.[p] ?? 1, rowOf(values[p]));
    if (pooling === "mean" && end > begin) for (let d = 0; d < pooled.length; d++) pooled[d] /= end - begin;
  }
}

function addScaled(sum: Floats, weight: number, row: Floats): void {
  for (let d = 0; d < sum.length; d++) sum[d] += weight * row[d];
}
