import { expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { memoryOf } from "../backends/testing.js";
import type { Column } from "../columns/columns.js";
import { GraphBuilder } from "../graph/graph.js";
import { reshape } from "../ops/reshape.js";
import { input } from "../ops/sources.js";
import { Scope } from "./scope.js";
import { seNet } from "./se-net.js";

const [ROWS, FIELDS, DIM, UNITS] = [4, 5, 3, 2];

/** Numbers without a pattern, in [-1, 1). */
const numbers = (length: number, salt: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => ((((i + 1) * 7919 * salt) % 2000) - 1000) / 1000);

it("weighs fields as its formula says", () => {
  const g = new GraphBuilder();
  const type = { dtype: "fp32", shape: ["B", FIELDS * DIM] } as const;
  const [flat] = g.apply(input, [], { name: "x", type, limit: 0 });
  const [fields] = g.apply(reshape, [flat], { dims: [FIELDS, DIM] });
  g.output("y", seNet(Scope.root(g, "inference").child("se"), fields));

  const x = numbers(ROWS * FIELDS * DIM, 3);
  const squeeze = numbers(UNITS * FIELDS, 5);
  const excite = numbers(FIELDS * UNITS, 11);
  const column: Column = { kind: "number", data: x, offset: 0, stride: FIELDS * DIM, width: FIELDS * DIM };
  const parameters = new Map([
    ["se.0.weight", memoryOf(referenceBackend, squeeze)],
    ["se.1.weight", memoryOf(referenceBackend, excite)],
  ]);
  const y = referenceBackend.compile(g.finish(), parameters, { maxBatch: ROWS }).runSync({
    columns: new Map([["x", column]]),
    rows: ROWS,
    start: 0,
    count: ROWS,
    batch: ROWS,
    seed: 0,
    firstStep: 0,
    scalars: new Map(),
  });

  const dot = (a: readonly number[], w: Float32Array, row: number): number =>
    a.reduce((sum, value, i) => sum + value * w[row * a.length + i], 0);
  for (let b = 0; b < ROWS; b++) {
    const field = (f: number): number[] => [
      ...x.subarray((b * FIELDS + f) * DIM, (b * FIELDS + f + 1) * DIM),
    ];
    const means = Array.from({ length: FIELDS }, (_, f) => field(f).reduce((sum, v) => sum + v, 0) / DIM);
    const hidden = Array.from({ length: UNITS }, (_, i) => Math.max(0, dot(means, squeeze, i)));
    for (let f = 0; f < FIELDS; f++) {
      const weight = 1 / (1 + Math.exp(-dot(hidden, excite, f)));
      field(f).forEach((value, d) => {
        expect(y.get("y")![(b * FIELDS + f) * DIM + d]).toBeCloseTo(value * weight, 5);
      });
    }
  }
});
