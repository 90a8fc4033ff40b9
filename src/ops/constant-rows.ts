import { asFp32, defineOp } from "../graph/op.js";
import { fp32 } from "../graph/tensor.js";
import { elementwise } from "./cost.js";

/** A row tensor [B, …dims] filled with one value. */
export const constantRows = defineOp<{ value: number; dims: readonly number[] }>({
  kind: "constantRows",
  opcode: 5,
  execution: "rowwise",
  operands: "-> out:row[*]",
  attributes: "value",
  meaning: "every row of out filled with `value`",
  cost: elementwise(0),
  infer: (_, { dims }) => [fp32("B", ...dims)],
  reference: ({ outputs, attrs }) => void asFp32(outputs[0]).data.fill(attrs.value),
  encode: ({ attrs }) => [attrs.value],
});
