import { asFp32, defineOp, type Pooling } from "../graph/op.js";
import { columnsOf, fp32 } from "../graph/tensor.js";
import { checkShapes, isTable } from "./check.js";
import { sizeOf } from "./cost.js";
import { tableOf } from "./table-rows.js";
import { arePairs, cutOff, encodePoolings, PAIRS, sumDuplicates } from "./table-update.js";

/** Into how many sums the rows are dealt out: a bound on the threads that share the work, and no more. */
const PARTS = 16;

/** Which sum a row adds to. The hash spreads neighbours, of which some tables have hot ones. */
const partOf = (row: number): number => (Math.imul(row, 0x9e3779b1) >>> 16) % PARTS;

/**
 * The sum of the squares of all elements of a table's gradient, in parts: table [R, D], pairs (ids, grad [B, D]) -> [16].
 * A row's gradient is the sum of its duplicates, its elements cut off at ±`limit`; the row adds its squares to part
 * `((row * 0x9e3779b1 mod 2^32) >> 16) mod 16`.
 */
export const tableSumSquares = defineOp<{ poolings: readonly Pooling[]; limit?: number }>({
  kind: "tableSumSquares",
  opcode: 116,
  execution: "table",
  operands: `table[R,D] ${PAIRS} -> out:fixed[${PARTS}]`,
  attributes: "limit poolings",
  meaning:
    "squares of the elements of the rows' gradients, each row's cut off at the limit and added to part `((row * 0x9e3779b1 mod 2^32) >> 16) mod 16`, rows ascending",
  cost({ shapes }) {
    const [[, dim], ...pairs] = shapes.slice(0, -1);
    const lookups = pairs.reduce((sum, shape, i) => sum + (i % 2 === 0 ? sizeOf(shape) : 0), 0);
    return { flops: 3 * lookups * dim, elements: [0, ...pairs.map(sizeOf), PARTS] };
  },
  infer([table, ...pairs], { poolings }) {
    const ok = isTable(table) && arePairs(pairs, poolings, columnsOf(table));
    checkShapes(ok, "tableSumSquares", "table [R, D], pairs of ids and grad [B, D]", [table, ...pairs]);
    return [fp32(PARTS)];
  },
  reference(call) {
    const { limit, poolings } = call.attrs;
    const [, dim] = tableOf(call.inputs[0]).shape;
    const sums = asFp32(call.outputs[0]).data;
    for (const [row, gradient] of sumDuplicates(call, poolings, 1, dim))
      for (const value of gradient) sums[partOf(row)] += cutOff(value, limit) ** 2;
  },
  encode: ({ attrs: { limit = 0, poolings } }) => [limit, ...encodePoolings(poolings)],
});
