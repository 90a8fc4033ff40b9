import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHANGE_CONSUMERS, type Memory } from "../src/backends/backend.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { fp32 } from "../src/graph/tensor.js";
import { OPS } from "../src/ops/index.js";
import { simplify } from "../src/passes/compile.js";
import { BACKENDS } from "./backends.js";

/* Which rows of a table training has updated, as incremental checkpoints and published versions ask for it. */

const [TABLE, DIM] = [200, 3];
const BATCH = 16;

function training(dtype: "fp32" | "bf16", everyRow: boolean): Graph {
  const g = new GraphBuilder();
  const init = { kind: "constant", value: 0 } as const;
  const attrs = { name: "table", shape: [TABLE, DIM], role: "table", init, trainable: true, dtype } as const;
  const [table] = g.apply(OPS.parameter, [], attrs);
  const [rate] = g.apply(OPS.scalar, [], { name: "rate" });
  const [ids] = g.apply(OPS.input, [], { name: "ids", type: { dtype: "id", shape: ["B"] }, limit: TABLE });
  const [grad] = g.apply(OPS.input, [], { name: "grad", type: fp32("B", DIM), limit: 0 });
  const settings = { poolings: ["sum"], l2: 0, everyRow, stream: 5 } as const;
  g.apply(OPS.tableSgd, [table, rate, ids, grad], settings);
  g.output("looked up", g.apply(OPS.embedding, [table, ids], {})[0]);
  return simplify(g.finish());
}

const requestOf = (ids: readonly number[]) => ({
  columns: new Map([
    ["ids", { kind: "id", data: Int32Array.from(ids), offset: 0, stride: 1 }],
    [
      "grad",
      { kind: "number", data: new Float32Array(ids.length * DIM), offset: 0, stride: DIM, width: DIM },
    ],
  ] as const),
  rows: ids.length,
  start: 0,
  count: ids.length,
  batch: BATCH,
  seed: 1,
  firstStep: 0,
  scalars: new Map([["rate", new Float32Array(Math.ceil(ids.length / BATCH)).fill(0.1)]]),
});

function rowsChanged(memory: Memory, consumer: number): number[] {
  const bytes = new Uint8Array(TABLE);
  memory.readChanges(0, bytes);
  return [...bytes.keys()].filter((row) => (bytes[row] >> consumer) & 1);
}

const ascending = (rows: Iterable<number>) => [...new Set(rows)].sort((a, b) => a - b);
const idsOfSteps = fc.array(fc.nat(TABLE - 1), { minLength: 1, maxLength: 60 });
/** Runs of training, after each of which one consumer takes note, or none. */
const runs = fc.array(fc.record({ ids: idsOfSteps, clears: fc.constantFrom(undefined, 0, 1) }), {
  maxLength: 8,
});

describe.each(BACKENDS)("changes on $name", ({ use }) => {
  it("are the rows that were updated since each consumer took note, for any number of threads", () => {
    fc.assert(
      fc.property(runs, fc.constantFrom("fp32", "bf16"), fc.constantFrom(1, 4), (steps, dtype, threads) => {
        const backend = use();
        const table = backend.allocate(TABLE * DIM, dtype);
        table.trackChanges(DIM);
        const executable = backend.compile(training(dtype, false), new Map([["table", table]]), {
          maxBatch: BATCH,
          threads,
        });
        const expected = Object.values(CHANGE_CONSUMERS).map(() => new Set<number>());
        for (const { ids, clears } of steps) {
          executable.runSync(requestOf(ids));
          for (const id of ids) for (const rows of expected) rows.add(id);
          if (clears !== undefined) {
            table.clearChanges(clears as 0 | 1);
            expected[clears].clear();
          }
          for (const [consumer, rows] of expected.entries())
            expect(rowsChanged(table, consumer)).toEqual(ascending(rows));
        }
      }),
      { numRuns: 25 },
    );
  });

  it("are all rows where an update takes every row", () => {
    const backend = use();
    const table = backend.allocate(TABLE * DIM);
    table.trackChanges(DIM);
    const options = { maxBatch: BATCH, threads: 2 };
    const executable = backend.compile(training("fp32", true), new Map([["table", table]]), options);
    expect(rowsChanged(table, 0)).toEqual([]);
    executable.runSync(requestOf([7]));
    expect(rowsChanged(table, 0)).toHaveLength(TABLE);
  });

  it("are refused where they are not tracked, and outside the rows", () => {
    const table = use().allocate(TABLE * DIM);
    expect(() => table.readChanges(0, new Uint8Array(1))).toThrow(/outside/);
    table.trackChanges(DIM);
    table.readChanges(TABLE - 1, new Uint8Array(1));
    expect(() => table.readChanges(TABLE, new Uint8Array(1))).toThrow(/outside/);
  });
});
