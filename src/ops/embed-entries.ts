import { asFp32, type BagValue, defineOp, type NoAttrs } from "../graph/op.js";
import { checkShapes, isSequenceBag, isTable } from "./check.js";
import { sizeOf } from "./cost.js";
import { readRow, tableOf } from "./table-rows.js";

/**
 * Lookup of each entry of a sequence: table [R, D], bag [B] -> out [L, D], a line for each id of the bags, row after row.
 * Weights are ignored.
 */
export const embedEntries = defineOp<NoAttrs>({
  kind: "embedEntries",
  opcode: 160,
  execution: "rowwise",
  entries: "chunks",
  operands: "table[R,D] bag:samples -> out:entry[D]",
  meaning: "`out[i] = table[id_i]` for each entry i of the bags",
  cost: ({ shapes: [, bag, out] }) => ({ flops: 0, elements: [sizeOf(out), sizeOf(bag), sizeOf(out)] }),
  infer([table, bag]) {
    const ok = isTable(table) && isSequenceBag(bag);
    checkShapes(ok, "embedEntries", "table [R, D], a bag of a sequence's ids [B]", [table, bag]);
    return [{ dtype: "fp32", shape: [bag.entries!, table.shape[1]] }];
  },
  gradient: ({ inputs: [, ids], outputGradients: [grad] }) => [
    grad && { ids, grad, pooling: "sum" },
    undefined,
  ],
  reference({ inputs, outputs }) {
    const table = tableOf(inputs[0]);
    const { values } = inputs[1] as BagValue;
    const { data } = asFp32(outputs[0]);
    values.forEach((id, i) => void data.set(readRow(table, id), i * table.shape[1]));
  },
});
