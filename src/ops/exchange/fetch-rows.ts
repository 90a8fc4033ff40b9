import { defineOp } from "../../graph/op.js";
import { isBag, isId } from "../../graph/tensor.js";
import { checkShapes, isTable } from "../check.js";
import { sizeOf } from "../cost.js";
import { tableOf } from "../table-rows.js";
import type { Routed } from "./unique-rows.js";

/**
 * The rows listed by `uniqueRows`, from their owners: table [R, D], the columns of the route -> rows, of which there are at
 * most R. On one rank they are the table.
 */
export const fetchRows = defineOp<Routed>({
  kind: "fetchRows",
  opcode: 141,
  execution: "exchange",
  receives: true,
  together: "rows",
  operands: "table[R,D] local:samples... -> rows:fetched[R,D]",
  attributes: "route:count",
  meaning: "see ranks: the listed rows, from their owners",
  cost: ({ shapes: [table, ...rest] }) => {
    const columns = rest.slice(0, -1).map(sizeOf);
    const rows = Math.min(
      columns.reduce((sum, count) => sum + count, 0),
      table[0],
    );
    return { flops: 0, elements: [rows * table[1], ...columns, rows * table[1]] };
  },
  infer([table, ...columns]) {
    const ok = isTable(table) && columns.every(({ dtype }) => isId(dtype) || isBag(dtype));
    checkShapes(ok, "fetchRows", "table [R, D], columns of ids or bags", [table, ...columns]);
    return [{ dtype: table.dtype, shape: table.shape }];
  },
  reference: ({ inputs, outputs }) => tableOf(outputs[0]).data.set(tableOf(inputs[0]).data),
  encode: ({ attrs }) => [attrs.route],
});
