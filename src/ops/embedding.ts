import { asFp32, defineOp, type IdValue, type NoAttrs } from "../graph/op.js";
import { fp32, isId } from "../graph/tensor.js";
import { checkShapes, isTable } from "./check.js";
import { sizeOf } from "./cost.js";
import { readRow, tableOf } from "./table-rows.js";

/** One-hot embedding lookup: table [R, D], ids [B] -> out [B, D] with `out[b] = table[ids[b]]`. */
export const embedding = defineOp<NoAttrs>({
  kind: "embedding",
  opcode: 10,
  execution: "rowwise",
  operands: "table[R,D] ids -> out:row[D]",
  meaning: "`out[b] = table[ids[b]]`",
  cost: ({ shapes: [, ids, out] }) => ({ flops: 0, elements: [sizeOf(out), sizeOf(ids), sizeOf(out)] }),
  infer([table, ids], _) {
    checkShapes(isTable(table) && isId(ids.dtype), "embedding", "table [R, D], ids id[B]", [table, ids]);
    return [fp32("B", table.shape[1])];
  },
  gradient: ({ inputs: [, ids], outputGradients: [grad] }) => [
    grad && { ids, grad, pooling: "sum" },
    undefined,
  ],
  reference({ inputs, outputs }) {
    const table = tableOf(inputs[0]);
    const ids = inputs[1] as IdValue;
    const out = asFp32(outputs[0]);
    const dim = table.shape[1];
    ids.data.forEach((id, b) => void out.data.set(readRow(table, id), b * dim));
  },
});
