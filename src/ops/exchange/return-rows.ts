import { defineOp, type IdValue, type Op, type Pooling } from "../../graph/op.js";
import { columnsOf, fp32 } from "../../graph/tensor.js";
import { checkShapes } from "../check.js";
import { sizeOf } from "../cost.js";
import { arePairs, encodePoolings, sumByGroup } from "../table-update.js";
import type { Routed } from "./unique-rows.js";

export interface ReturnRowsAttrs extends Routed {
  readonly poolings: readonly Pooling[];
}

/**
 * Gradients of rows to their owners: pairs of the route's columns and grad [B, D] -> (rows of the owner, sums), an
 * entry for each row and node of a rank's groups. The owner adds these along the tree. On one rank: an entry for each
 * row and group.
 */
export const returnRows = sumsOfRows({
  kind: "returnRows",
  opcode: 142,
  meaning: "see ranks: the summed gradients of the listed rows, to their owners",
});

/**
 * The same, of a table of which every rank has all rows: the owners add the sums along the tree, and send the results to all ->
 * (rows that any rank has listed, their sums).
 */
export const foldRows = sumsOfRows({
  kind: "foldRows",
  opcode: 147,
  meaning: "see ranks: the gradients of the rows that any rank has listed, summed over all ranks",
});

function sumsOfRows(rules: Pick<Op, "kind" | "opcode" | "meaning">): Op<ReturnRowsAttrs> {
  return defineOp<ReturnRowsAttrs>({
    ...rules,
    execution: "exchange",
    entries: "segments",
    receives: true,
    operands: "(local:samples grad:terms[D])... -> owned sums[D]",
    attributes: "route:count poolings",
    cost: ({ shapes }) => {
      const pairs = shapes.slice(0, -2).map(sizeOf);
      const dim = shapes.at(-1)!.at(-1)!;
      const lookups = pairs.reduce((sum, size, i) => sum + (i % 2 === 0 ? size : 0), 0);
      return { flops: lookups * dim, elements: [...pairs, lookups, lookups * dim] };
    },
    infer(pairs, { poolings }) {
      const dim = columnsOf(pairs[1]);
      checkShapes(arePairs(pairs, poolings, dim), rules.kind, "pairs of ids and grad [B, D]", pairs);
      return [{ dtype: "id", shape: ["B"] }, fp32("B", dim)];
    },
    reference(call) {
      const { inputs, outputs, attrs } = call;
      const dim = columnsOf(call.node.inputs[1]);
      const sums = [...sumByGroup(call, attrs.poolings, 0, dim)].flatMap(([row, groups]) =>
        groups.map(([group, sum]) => ({ row, group, sum })),
      );
      sums.sort((a, b) => a.group - b.group || a.row - b.row);
      Object.assign(outputs[0], {
        data: Float64Array.from(sums, ({ row }) => row),
        groups: sums.map(({ group }) => group),
        names: (inputs[0] as IdValue).names,
      });
      Object.assign(outputs[1], {
        shape: [sums.length, dim],
        data: Float32Array.from(sums.flatMap(({ sum }) => [...sum])),
      });
    },
    // The rows of the owner are ids without a pooling.
    encode: ({ attrs: { route, poolings } }) => [route, ...encodePoolings(poolings), 0],
  });
}
