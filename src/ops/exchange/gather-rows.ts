import { defineOp, type IdValue, type NoAttrs } from "../../graph/op.js";
import { isId, isRow } from "../../graph/tensor.js";
import { checkShapes } from "../check.js";
import { elementwise } from "../cost.js";
import { copyFloats } from "./copy.js";

/** The rows of all ranks, for an operation that reads the whole batch: x [B, n] or ids [B] -> the same. */
export const gatherRows = defineOp<NoAttrs>({
  kind: "gatherRows",
  opcode: 145,
  execution: "exchange",
  operands: "x:share -> out:share",
  meaning: "the rows of the batch, each from the rank that has it",
  cost: elementwise(0),
  infer([x]) {
    const ok = isRow(x) && (x.dtype === "fp32" || isId(x.dtype));
    checkShapes(ok, "gatherRows", "x [B, n], or ids [B]", [x]);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  reference(call) {
    const [x, out] = [call.inputs[0], call.outputs[0]];
    if (x.kind === "fp32") copyFloats(call);
    else (out as IdValue).data.set((x as IdValue).data);
  },
});
