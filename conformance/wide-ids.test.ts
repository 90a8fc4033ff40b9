import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Column } from "../src/columns/columns.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { fp32, type TensorType } from "../src/graph/tensor.js";
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

const idArray = (ids: readonly number[], wide: boolean) =>
  wide ? BigInt64Array.from(ids, BigInt) : Int32Array.from(ids);

function columns(data: readonly Sample[], wide: boolean): Map<string, Column> {
  const array = (ids: readonly number[]) => idArray(ids, wide);
  const offsets = new BigUint64Array(data.length + 1);
  for (const [i, { bag }] of data.entries()) offsets[i + 1] = offsets[i] + BigInt(bag.length);
  return new Map<string, Column>([
    ["id", { kind: "id", data: array(data.map(({ id }) => id)), offset: 0, stride: 1 }],
    ["ids", { kind: "ids", values: array(data.flatMap(({ bag }) => bag)), offsets }],
  ]);
}

const contestants = fc.array(
  fc.record({ session: fc.nat(9), label: fc.nat(1), logits: fc.tuple(fc.integer(), fc.integer()) }),
  { minLength: 1, maxLength: 32 },
);

/** The competition of the rows of a session, and its gradient. */
function sessions(wide: boolean, limit: number): Graph {
  const g = new GraphBuilder();
  const input = (name: string, type: TensorType, limit = 0) =>
    g.apply(OPS.input, [], { name, type, limit })[0];
  const rows = [input("logits", fp32("B", 2)), input("labels", fp32("B", 1))];
  const session = input("session", { dtype: wide ? "id64" : "id", shape: ["B"] }, limit);
  g.output("competition", g.apply(OPS.sessionLogSumExp, [...rows, session], {})[0]);
  g.output("gradient", g.apply(OPS.sessionLogSumExpGrad, [...rows, session, rows[1]], {})[0]);
  return simplify(g.finish());
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

  it("lets the rows of a session compete, whether its id has 64 bits or 32", () => {
    fc.assert(
      fc.property(contestants, (data) => {
        const compete = (wide: boolean) => {
          // As 32-bit numbers, all wide ids are equal.
          const ids = data.map(({ session }) => (wide ? session * 2 ** 32 + 5 : session));
          const numbers = (values: readonly number[], width: number) =>
            ({ kind: "number", data: Float32Array.from(values), offset: 0, stride: width, width }) as const;
          const columns = new Map<string, Column>([
            ["session", { kind: "id", data: idArray(ids, wide), offset: 0, stride: 1 }],
            [
              "labels",
              numbers(
                data.map(({ label }) => label),
                1,
              ),
            ],
            [
              "logits",
              numbers(
                data.flatMap(({ logits }) => logits.map((z) => z / 2 ** 31)),
                2,
              ),
            ],
          ]);
          const rows = { rows: data.length, start: 0, count: data.length, batch: 32, seed: 0, firstStep: 0 };
          const executable = use().compile(sessions(wide, wide ? 2 ** 36 : 10), new Map(), { maxBatch: 32 });
          return executable.runSync({ columns, ...rows, scalars: new Map() });
        };
        expect(compete(true)).toEqual(compete(false));
      }),
      { numRuns: 30 },
    );
  });

  it("refuses an id of 64 bits whose lower half would be a row", () => {
    const data = [{ id: 2 ** 32 + 3, bag: [] }];
    expect(() => run(data, true)).toThrow(/an id is out of range/);
  });
});
