import { defineOp } from "../../graph/op.js";
import type { Placement } from "../../graph/placement.js";
import { isBag, isId } from "../../graph/tensor.js";
import { checkShapes } from "../check.js";
import { sizeOf } from "../cost.js";
import { copyIds } from "./copy.js";

/** The number of a table's route, in order of the table's first `uniqueRows`. */
export interface Routed {
  readonly route: number;
}

export interface UniqueRowsAttrs extends Routed {
  /** Number of rows of the table. */
  readonly rows: number;
  readonly placement: Placement;
  /** So many of the columns, the first ones, have gradients that return to the owners. */
  readonly returned: number;
}

/**
 * Lists the rows of a table that a rank's samples name, each once, and replaces ids by indices into this list: columns
 * of ids or bags [B] -> as many columns. The list is sent by `fetchRows`, or by `tellRows` where every rank has all rows. On one
 * rank it is the table itself.
 */
export const uniqueRows = defineOp<UniqueRowsAttrs>({
  kind: "uniqueRows",
  opcode: 140,
  execution: "batch",
  operands: "ids:samples... -> local:samples...",
  attributes:
    "route:count rows:count firstRank:count owners:count returned:count turn:count copies:flag columns:count starts:counts",
  meaning:
    "see ranks: the indices of the ids in the list of the rows that the rank's samples name, in the order of places",
  cost: ({ shapes }) => ({ flops: 0, elements: shapes.map(sizeOf) }),
  infer(columns) {
    const ok = columns.length > 0 && columns.every(({ dtype }) => isId(dtype) || isBag(dtype));
    checkShapes(ok, "uniqueRows", "columns of ids or bags", columns);
    return columns.map((ids) => ({ ...ids, dtype: isId(ids.dtype) ? "id" : "ids" }));
  },
  reference: copyIds,
  encode: ({ attrs: { route, rows, placement, returned } }) => [
    route,
    rows,
    placement.firstRank,
    placement.owners,
    returned,
    placement.turn ?? 0,
    placement.copies ? 1 : 0,
    placement.columns ?? 1,
    ...(placement.starts ?? []),
  ],
});
