import { executionOf, type Graph } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { sameShape, type Tensor } from "../graph/tensor.js";
import type { TableAttrs } from "../ops/table-update.js";

/** What ranks that have some columns of a table's rows need of whole rows. */
export interface WholeRows {
  /** Whether they get the sums of all columns. */
  readonly sums: boolean;
  /** What a rank tells each of the other ranks that have the same rows, of every row that a step updates: the numbers of this many bytes in each of its columns. */
  readonly told: readonly number[];
  /** Whether a step updates all rows. */
  readonly everyRow: boolean;
}

/** Of the updates of a table, and of norms of its gradient. */
export function wholeRowsOf({ nodes }: Graph, table: Tensor): WholeRows {
  const ofTable = nodes.filter((node) => executionOf(node) === "table" && node.inputs[0] === table);
  const update = ofTable.find(({ outputs }) => outputs.length === 0);
  return {
    sums: ofTable.some(({ op, outputs }) => outputs.length > 0 || op.wholeRow),
    told: update ? toldBy(update).map(({ dtype }) => (dtype === "fp32" ? 4 : 2)) : [],
    everyRow: update?.attrs.everyRow ?? false,
  };
}

/** Those of an update's table and states of which it needs whole rows. */
function toldBy({ op, inputs, attrs }: Node<TableAttrs>): Tensor[] {
  const [table, , ...rest] = inputs;
  if (!op.wholeRow || (op.wholeRow === "gradient" && attrs.l2 === 0)) return [];
  // A rank has all of a state of one number for each row.
  const states = rest.filter(({ shape }) => op.wholeRow === "states" && sameShape(shape, table.shape));
  return [table, ...states];
}

/** Bytes that a rank tells each of the others of a row, of which it has this number of columns. */
export const toldBytes = ({ told }: Pick<WholeRows, "told">, columns: number): number =>
  told.reduce((sum, bytes) => sum + 4 * Math.ceil((columns * bytes) / 4), 0);
