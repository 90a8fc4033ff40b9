import { asFp32, defineOp, type Op } from "../graph/op.js";
import { innerDims, isRow, rowsLike, width } from "../graph/tensor.js";
import { checkShapes } from "./check.js";
import { FREE } from "./cost.js";

/** The elements of every row with other dimensions: [B, F, D] <-> [B, F*D]. A view. */
export const reshape: Op<{ dims: readonly number[] }> = defineOp({
  kind: "reshape",
  opcode: 20,
  execution: "rowwise",
  entries: "rows",
  viewOffset: () => 0,
  cost: FREE,
  infer([x], { dims }) {
    const type = rowsLike(x, ...dims);
    checkShapes(
      x.dtype === "fp32" && isRow(x) && width(x) === width(type),
      `reshape to [${type.shape.join(", ")}]`,
      "as many elements a row",
      [x],
    );
    return [type];
  },
  gradient: ({ inputs: [x], outputGradients: [dy], apply }) => [
    dy && apply(reshape, [dy], { dims: innerDims(x) })[0],
  ],
  reference: ({ inputs, outputs }) => void asFp32(outputs[0]).data.set(asFp32(inputs[0]).data),
});
