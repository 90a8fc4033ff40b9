import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Column } from "../src/columns/columns.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { OPS } from "../src/ops/index.js";
import { simplify } from "../src/passes/compile.js";
import { BACKENDS } from "./backends.js";

const ROWS = 50;
const DIM = 5;
const samples = fc.array(
  fc.record({ id: fc.nat(ROWS - 1), bag: fc.array(fc.nat(ROWS - 1), { maxLength: 4 }) }),
  { minLength: 1, maxLength: 80 },
);
type Sample = { readonly id: number; readonly bag: readonly number[] };

function lookups(wide: boolean): Graph {
  const g = new GraphBuilder();
  const init = { kind: "constant", value: 0 } as const;
  const attrs = { name: "table", shape: [ROWS, DIM], role: "table", init, trainable: true } as const;
  const [table] = g.apply(OPS.parameter, [], attrs);
  const column = (kind: "id" | "ids") => {
    const dtype = wide ? (`${kind}64` as const) : kind;
    return g.apply(OPS.input, [], { name: kind, type: { dtype, shape: ["B"] }, limit: ROWS })[0];
  };
  g.output("one", g.apply(OPS.embedding, [table, column("id")], {})[0]);
  g.output("pooled", g.apply(OPS.embeddingBag, [table, column("ids")], { pooling: "mean" })[0]);
  return simplify(g.finish());
}

function columns(data: readonly Sample[], wide: boolean): Map<string, Column> {
  const array = (ids: readonly number[]) => (wide ? BigInt64Array.from(ids, BigInt) : Int32Array.from(ids));
  const offsets = new BigUint64Array(data.length + 1);
  for (const [i, { bag }] of data.entries()) offsets[i + 1] = offsets[i] + BigInt(bag.length);
  return new Map<string, Column>([
    ["id", { kind: "id", data: array(data.map(({ id }) => id)), offset: 0, stride: 1 }],
    ["ids", { kind: "ids", values: array(data.flatMap(({ bag }) => bag)), offsets }],
  ]);
}

describe.each(BACKENDS)("$name", ({ use }) => {
  const run = (data: readonly Sample[], wide: boolean) => {
    const backend = use();
    const table = backend.allocate(ROWS * DIM);
    table.fill({ kind: "normal", mean: 0, std: 1 }, 1, 2);
    const executable = backend.compile(lookups(wide), new Map([["table", table]]), { maxBatch: 32 });
    return executable.runSync({
      columns: columns(data, wide),
      rows: data.length,
      start: 0,
      count: data.length,
      batch: 32,
      seed: 0,
      firstStep: 0,
      scalars: new Map(),
    });
  };

  it("looks up the same rows by ids of 64 bits as by ids of 32 bits", () => {
    fc.assert(
      fc.property(samples, (data) => {
        expect(run(data, true)).toEqual(run(data, false));
      }),
      { numRuns: 30 },
    );
  });

  it("refuses an id of 64 bits whose lower half would be a row", () => {
    const data = [{ id: 2 ** 32 + 3, bag: [] }];
    expect(() => run(data, true)).toThrow(/an id is out of range/);
  });
});
