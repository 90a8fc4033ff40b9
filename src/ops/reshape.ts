import { defineOp, dense, type Op } from "../graph/op.js";
import { f32, innerDims, width } from "../graph/tensor.js";
import { checkShapes } from "./check.js";
import { FREE } from "./cost.js";

/** The same elements of every row under other dimensions: [B, F, D] <-> [B, F*D]. A view. */
export const reshape: Op<{ dims: readonly number[] }> = defineOp({
  kind: "reshape",
  opcode: 20,
  execution: "rowwise",
  viewOffset: () => 0,
  cost: FREE,
  infer([x], { dims }) {
    const type = f32("B", ...dims);
    checkShapes(
      x.dtype === "f32" && x.shape[0] === "B" && width(x) === width(type),
      `reshape to [${type.shape.join(", ")}]`,
      "as many elements a row",
      [x],
    );
    return [type];
  },
  gradient: ({ inputs: [x], outputGradients: [dy], apply }) => [
    dy && apply(reshape, [dy], { dims: innerDims(x) })[0],
  ],
  reference: ({ inputs, outputs }) => void dense(outputs[0]).data.set(dense(inputs[0]).data),
});
