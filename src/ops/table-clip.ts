import { asFp32, defineOp, type Floats, type Pooling, type Value } from "../graph/op.js";
import { SLOTS } from "../graph/placement.js";
import { columnsOf, fp32 } from "../graph/tensor.js";
import { checkShapes, isTable } from "./check.js";
import { sizeOf } from "./cost.js";
import { tableOf } from "./table-rows.js";
import { arePairs, cutOff, encodePoolings, namesOf, PAIRS, sumDuplicates } from "./table-update.js";

/**
 * Sums of squares of a table's gradient by slot: table [R, D], pairs (ids, grad [B, D]) -> [1024]. A row's gradient is
 * the sum over its duplicates, clipped elementwise to ±`limit`. The sums do not depend on which thread or rank owns
 * which slots.
 */
export const tableSumSquares = defineOp<{ poolings: readonly Pooling[]; limit?: number }>({
  kind: "tableSumSquares",
  opcode: 116,
  execution: "table",
  entries: "segments",
  operands: `table[R,D] ${PAIRS} -> out:fixed[${SLOTS}]`,
  attributes: "limit poolings",
  meaning:
    "squares of the elements of the rows' gradients, each row's cut off at the limit and added to slot `name mod 1024`, names ascending",
  cost({ shapes }) {
    const [[, dim], ...pairs] = shapes.slice(0, -1);
    const lookups = pairs.reduce((sum, shape, i) => sum + (i % 2 === 0 ? sizeOf(shape) : 0), 0);
    return { flops: 3 * lookups * dim, elements: [0, ...pairs.map(sizeOf), SLOTS] };
  },
  infer([table, ...pairs], { poolings }) {
    const ok = isTable(table) && arePairs(pairs, poolings, columnsOf(table));
    checkShapes(ok, "tableSumSquares", "table [R, D], pairs of ids and grad [B, D]", [table, ...pairs]);
    return [fp32(SLOTS)];
  },
  reference(call) {
    const { limit, poolings } = call.attrs;
    const [, dim] = tableOf(call.inputs[0]).shape;
    const sums = asFp32(call.outputs[0]).data;
    for (const { slot, gradient } of inOrderOfNames(sumDuplicates(call, poolings, 1, dim), call.inputs[1]))
      for (const value of gradient) sums[slot] += cutOff(value, limit) ** 2;
  },
  encode: ({ attrs: { limit = 0, poolings } }) => [limit, ...encodePoolings(poolings)],
});

/** A row without a name comes first, in slot 0. */
function inOrderOfNames(gradients: ReadonlyMap<number, Floats>, rows: Value) {
  const names = namesOf(rows);
  const nameOf = (row: number): bigint => (names ? BigInt.asUintN(64, names.keyOf(row) ?? 0n) : BigInt(row));
  const named = [...gradients].map(([row, gradient]) => ({ row, name: nameOf(row), gradient }));
  named.sort((a, b) => (a.name === b.name ? a.row - b.row : a.name < b.name ? -1 : 1));
  return named.map(({ name, gradient }) => ({ slot: Number(name % BigInt(SLOTS)), gradient }));
}
