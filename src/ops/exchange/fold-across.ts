import { type Combine, defineOp } from "../../graph/op.js";
import { isRow } from "../../graph/tensor.js";
import { checkShapes } from "../check.js";
import { combine } from "../combine.js";
import { folding } from "../cost.js";
import { copyFloats } from "./copy.js";

/**
 * The fold of a reduction over the groups of all ranks: the results of the reduction -> the same. It takes the place of
 * `combine`, and reads the partial results. On one rank the reduction has folded them already.
 */
export const foldAcross = defineOp<{ readonly combine: Combine }>({
  kind: "foldAcross",
  opcode: 143,
  execution: "exchange",
  folds: true,
  operands: combine.operands,
  attributes: combine.attributes,
  meaning: "as combine, over the groups of all ranks",
  cost: folding(1),
  infer(inputs) {
    const ok = inputs.length > 0 && inputs.every((type) => type.dtype === "fp32" && !isRow(type));
    checkShapes(ok, "foldAcross", "the results of a reduction", inputs);
    return inputs.map(({ dtype, shape }) => ({ dtype, shape }));
  },
  reference: copyFloats,
  encode: ({ attrs }) => combine.encode(attrs.combine),
});
