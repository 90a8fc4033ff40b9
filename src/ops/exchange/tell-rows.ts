import { defineOp } from "../../graph/op.js";
import { isBag, isId } from "../../graph/tensor.js";
import { checkShapes } from "../check.js";
import { sizeOf } from "../cost.js";
import { copyIds } from "./copy.js";
import type { Routed } from "./unique-rows.js";

/**
 * Tells the owners which rows `uniqueRows` has listed, of a table of which every rank has all rows: `foldRows` will send
 * sums of their gradients. Columns of ids or bags [B], and what `uniqueRows` made of them -> the columns again, by which rows are
 * looked up.
 */
export const tellRows = defineOp<Routed>({
  kind: "tellRows",
  opcode: 146,
  execution: "exchange",
  together: "rows",
  operands: "ids:samples... local:samples... -> told:samples...",
  attributes: "route:count",
  meaning: "the ids, of whose rows those are told that add up the gradients (see ranks)",
  cost: ({ shapes }) => ({ flops: 0, elements: shapes.map(sizeOf) }),
  infer(columns) {
    const ok = columns.length > 0 && columns.every(({ dtype }) => isId(dtype) || isBag(dtype));
    checkShapes(ok, "tellRows", "columns of ids or bags", columns);
    return columns.slice(0, columns.length / 2);
  },
  reference: copyIds,
  encode: ({ attrs }) => [attrs.route],
});
