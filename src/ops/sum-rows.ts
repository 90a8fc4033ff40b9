import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { fp32, innerDims, isRow } from "../graph/tensor.js";
import { checkShapes } from "./check.js";
import { folding } from "./cost.js";

/** Sum over the batch: x [B, …] -> [ … ]. The gradient of a tensor that is added to every row, such as a bias. */
export const sumRows = defineOp<NoAttrs>({
  kind: "sumRows",
  opcode: 15,
  execution: "reduces",
  entries: "rows",
  operands: "x:row[n] -> out:partial[n]",
  meaning: "sum over the rows",
  combine: "sum",
  cost: folding(1),
  infer([x]) {
    checkShapes(x.dtype === "fp32" && isRow(x) && x.shape.length >= 2, "sumRows", "x [B, …]", [x]);
    return [fp32(...innerDims(x))];
  },
  reference({ inputs, outputs, context }) {
    const x = asFp32(inputs[0]).data;
    const out = asFp32(outputs[0]).data;
    for (let i = 0; i < out.length; i++) {
      let sum = 0;
      for (let b = 0; b < context.rows; b++) sum += x[b * out.length + i];
      out[i] = sum;
    }
  },
});
