import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { fp32 } from "../graph/tensor.js";
import { checkShapes, isRows, sameType } from "./check.js";
import { sizeOf } from "./cost.js";

const COLUMN = fp32("B", 1);

/**
 * Whether the largest logit of a row is that of its class: logits [B, C], labels [B, 1] -> [B, 1], 1 or 0. The first of
 * equal logits counts. Without gradient.
 */
export const rightClass = defineOp<NoAttrs>({
  kind: "rightClass",
  opcode: 133,
  execution: "rowwise",
  operands: "logits:row[C] labels:row[1] -> out:row[1]",
  meaning: "1 where the first of the largest logits is at index `label`, else 0",
  // Per row: a comparison for each logit, the last one with the label.
  cost: ({ shapes: [logits, labels, out] }) => ({
    flops: sizeOf(logits),
    elements: [logits, labels, out].map(sizeOf),
  }),
  infer([logits, labels]) {
    const ok = isRows(logits, 2) && sameType(labels, COLUMN);
    checkShapes(ok, "rightClass", "logits [B, C], labels [B, 1]", [logits, labels]);
    return [COLUMN];
  },
  reference({ inputs: [logits, labels], outputs: [out] }) {
    const [z, y, right] = [logits, labels, out].map((value) => asFp32(value).data);
    const classes = z.length / y.length;
    for (let b = 0; b < y.length; b++) {
      const row = z.subarray(b * classes, (b + 1) * classes);
      right[b] = row.indexOf(Math.max(...row)) === y[b] ? 1 : 0;
    }
  },
});
