import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { valuesOf } from "../src/backends/testing.js";
import type { Column } from "../src/columns/columns.js";
import { GraphBuilder } from "../src/graph/graph.js";
import { fp32 } from "../src/graph/tensor.js";
import { OPS } from "../src/ops/index.js";
import { simplify } from "../src/passes/compile.js";
import { BACKENDS } from "./backends.js";

/*
 * The program format fixes the order in which the gradients of a row are added in float32: within an accumulation group
 * pairs in order, samples ascending, positions of a bag ascending; then the groups along a balanced tree. Terms of very different sizes make every other order show in the bits.
 */

const TABLE = 3;
const ids = fc.nat(TABLE - 1);
const term = fc
  .tuple(fc.float({ min: -1, max: 1, noNaN: true }), fc.constantFrom(1e-6, 1, 1e6))
  .map(([x, scale]) => (Math.abs(x) < 1e-20 ? 0 : Math.fround(x * scale))); // no sum of these is subnormal
/** An id of a bag, with a weight by which a product is exact: halves would round subnormal gradients. */
const weighted = fc.record({ id: ids, weight: fc.constantFrom(1, 2, -4) });
const rows = fc.array(fc.record({ id: ids, bag: fc.array(weighted, { maxLength: 4 }), a: term, b: term }), {
  minLength: 1,
  maxLength: 200,
});
type Row = { id: number; bag: { id: number; weight: number }[]; a: number; b: number };

/** Adds the gradients of an id column (`a`) and of a bag column (`b`) to a table of zeros: SGD at rate -1. */
function graph() {
  const g = new GraphBuilder();
  const init = { kind: "constant", value: 0 } as const;
  const attrs = { name: "table", shape: [TABLE, 1], role: "table", init, trainable: true } as const;
  const [table] = g.apply(OPS.parameter, [], attrs);
  const [rate] = g.apply(OPS.scalar, [], { name: "rate" });
  const column = (name: string, dtype: "id" | "ids") =>
    g.apply(OPS.input, [], { name, type: { dtype, shape: ["B"] }, limit: TABLE })[0];
  const gradient = (name: string) => g.apply(OPS.input, [], { name, type: fp32("B", 1), limit: 0 })[0];
  const operands = [table, rate, column("bag", "ids"), gradient("b"), column("id", "id"), gradient("a")];
  g.apply(OPS.tableSgd, operands, { poolings: ["sum", "sum"], l2: 0, everyRow: false });
  return simplify(g.finish());
}

function columns(data: readonly Row[]): Map<string, Column> {
  const floats = (values: number[]): Column => {
    return { kind: "number", data: Float32Array.from(values), offset: 0, stride: 1, width: 1 };
  };
  const offsets = new BigUint64Array(data.length + 1);
  for (const [i, { bag }] of data.entries()) offsets[i + 1] = offsets[i] + BigInt(bag.length);
  const entries = data.flatMap((row) => row.bag);
  const values = Int32Array.from(entries, ({ id }) => id);
  const weights = Float32Array.from(entries, ({ weight }) => weight);
  return new Map<string, Column>([
    ["id", { kind: "id", data: Int32Array.from(data, (row) => row.id), offset: 0, stride: 1 }],
    ["bag", { kind: "ids", values, offsets, weights }],
    ["a", floats(data.map((row) => row.a))],
    ["b", floats(data.map((row) => row.b))],
  ]);
}

const TILE_ROWS = 8;
const GROUPS = 8;

/** Undefined: no term. */
type Sum = number | undefined;
const plus = (a: Sum, b: Sum): Sum => (a === undefined || b === undefined ? (a ?? b) : Math.fround(a + b));

/** Word for word: a group's accumulator starts as the first term, every other is added in float32. */
function groupSum(data: readonly Row[], id: number): Sum {
  const bags = data.flatMap(({ bag, b }) =>
    bag.flatMap((entry) => (entry.id === id ? [entry.weight * b] : [])),
  );
  const singles = data.flatMap((row) => (row.id === id ? [row.a] : []));
  return [...bags, ...singles].reduce(plus, undefined as Sum);
}

/** Level by level. */
function treeSum(sums: readonly Sum[]): Sum {
  if (sums.length <= 1) return sums[0];
  const pairs = Array.from({ length: Math.ceil(sums.length / 2) }, (_, i) =>
    plus(sums[2 * i], sums[2 * i + 1]),
  );
  return treeSum(pairs);
}

function expected(data: readonly Row[]): Float32Array {
  const tiles = Math.ceil(data.length / TILE_ROWS);
  const count = Math.min(GROUPS, tiles);
  const start = (group: number) => Math.floor((group * tiles) / count) * TILE_ROWS;
  const groups = Array.from({ length: count }, (_, g) => data.slice(start(g), start(g + 1)));
  return Float32Array.from(
    { length: TABLE },
    (_, id) => treeSum(groups.map((rows) => groupSum(rows, id))) ?? 0,
  );
}

describe.each(BACKENDS)("$name", ({ use }) => {
  it("adds duplicates of a table row in the specified order, bit for bit", () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(1, 2, 4), (data, threads) => {
        const backend = use();
        const table = backend.allocate(TABLE);
        const executable = backend.compile(graph(), new Map([["table", table]]), {
          maxBatch: 200,
          threads,
          geometry: { tileRows: TILE_ROWS, groups: GROUPS },
        });
        executable.runSync({
          columns: columns(data),
          rows: data.length,
          start: 0,
          count: data.length,
          batch: data.length,
          seed: 0,
          firstStep: 0,
          scalars: new Map([["rate", Float32Array.of(-1)]]),
        });
        // Adding zero makes a sum of -0 equal to the table's 0.
        expect(Array.from(valuesOf(table), (x) => x + 0)).toEqual(Array.from(expected(data), (x) => x + 0));
      }),
      { numRuns: 60 },
    );
  });
});
