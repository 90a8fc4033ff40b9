import { expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { memoryOf } from "../backends/testing.js";
import type { Column } from "../columns/columns.js";
import { GraphBuilder } from "../graph/graph.js";
import { embedEntries } from "../ops/embed-entries.js";
import { input, parameter } from "../ops/sources.js";
import { endEntries } from "./end-entries.js";
import { Scope } from "./scope.js";

it("gives the first or last entries of each row, the one at the end first, and zeros for those that are missing", () => {
  const builder = new GraphBuilder();
  const type = { dtype: "ids", shape: ["B"], entries: "L:clicks" } as const;
  const [bag] = builder.apply(input, [], { name: "clicks", type, limit: 5 });
  const init = { kind: "constant", value: 0 } as const;
  const attrs = { name: "table", shape: [5, 2], role: "table", init, trainable: true } as const;
  const [table] = builder.apply(parameter, [], attrs);
  const [entries] = builder.apply(embedEntries, [table, bag], {});
  const scope = Scope.root(builder, "inference");
  for (const from of ["first", "last"] as const)
    builder.output(from, endEntries(scope, { bag, entries }, { from, count: 2 }));

  // Row i of the table is [i, 10 i].
  const rows = Float32Array.from({ length: 10 }, (_, at) => Math.floor(at / 2) * (at % 2 ? 10 : 1));
  const column: Column = {
    kind: "ids",
    values: Int32Array.of(1, 2, 3, 4),
    offsets: BigUint64Array.of(0n, 3n, 3n, 4n),
  };
  const parameters = new Map([["table", memoryOf(referenceBackend, rows)]]);
  const columns = new Map([["clicks", column]]);
  const request = {
    columns,
    rows: 3,
    start: 0,
    count: 3,
    batch: 3,
    seed: 0,
    firstStep: 0,
    scalars: new Map(),
  };
  const results = referenceBackend.compile(builder.finish(), parameters, { maxBatch: 3 }).runSync(request);
  expect([...results.get("first")!]).toEqual([1, 10, 2, 20, 0, 0, 0, 0, 4, 40, 0, 0]);
  expect([...results.get("last")!]).toEqual([3, 30, 2, 20, 0, 0, 0, 0, 4, 40, 0, 0]);
});
