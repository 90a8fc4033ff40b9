import fc from "fast-check";
import { expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { memoryOf } from "../backends/testing.js";
import { GraphBuilder } from "../graph/graph.js";
import type { Tensor } from "../graph/tensor.js";
import { input, type ParameterAttrs, parameter } from "../ops/sources.js";
import { periodic } from "./periodic.js";
import { piecewiseLinear } from "./piecewise-linear.js";
import { Scope } from "./scope.js";

/** Runs a layer on numbers, with the given weights; parameters without any have their initial values. */
function run(
  layer: (scope: Scope, x: Tensor) => Tensor,
  x: Float32Array,
  weights: Readonly<Record<string, Float32Array>>,
): Float32Array {
  const g = new GraphBuilder();
  const [column] = g.apply(input, [], { name: "x", type: { dtype: "fp32", shape: ["B", 1] }, limit: 0 });
  g.output("y", layer(Scope.root(g, "inference").child("f"), column));
  const graph = g.finish();
  const parameters = graph.nodes.flatMap(({ op, attrs }) => {
    if (op !== parameter) return [];
    const { name, shape, init } = attrs as ParameterAttrs;
    const values = weights[name] ?? new Float32Array(shape.reduce((a, b) => a * b, 1));
    const memory = memoryOf(referenceBackend, values);
    if (!weights[name]) memory.fill(init, 1, 1);
    return [[name, memory] as const];
  });
  const data = { kind: "number", data: x, offset: 0, stride: 1, width: 1 } as const;
  const result = referenceBackend.compile(graph, new Map(parameters), { maxBatch: x.length }).runSync({
    ...{ columns: new Map([["x", data]]), rows: x.length, start: 0, count: x.length, batch: x.length },
    ...{ seed: 0, firstStep: 0, scalars: new Map() },
  });
  return result.get("y")!;
}

const floats = (length: number, largest: number) =>
  fc
    .array(fc.double({ min: -largest, max: largest, noNaN: true }), { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(values));
const DIM = 3;
const activate = (fn: "none" | "relu", y: number) => (fn === "relu" ? Math.max(y, 0) : y);
const activations = fc.constantFrom("none" as const, "relu" as const);

/** Equation 1 of the paper. */
function encode(x: number, edges: readonly number[]): number[] {
  const bins = edges.length - 1;
  return Array.from({ length: bins }, (_, i) => {
    const t = i + 1;
    if (x < edges[t - 1] && t > 1) return 0;
    if (x >= edges[t] && t < bins) return 1;
    return (x - edges[t - 1]) / (edges[t] - edges[t - 1]);
  });
}

it("encodes a number piecewise linearly as the paper says", () => {
  const edges = fc
    .uniqueArray(fc.integer({ min: -40, max: 40 }), { minLength: 2, maxLength: 9 })
    .map((values) => values.sort((a, b) => a - b).map((value) => value / 8));
  fc.assert(
    fc.property(edges, floats(6, 8), floats(9 * DIM, 1), activations, (ends, x, w, fn) => {
      const bins = ends.length - 1;
      const y = run((scope, column) => piecewiseLinear(scope, column, ends, DIM, fn), x, {
        "f.linear.weight": w.subarray(0, DIM * bins).slice(),
        "f.linear.bias": w.subarray(w.length - DIM).slice(),
      });
      x.forEach((value, row) => {
        const encoding = encode(value, ends);
        for (let d = 0; d < DIM; d++) {
          const sum = encoding.reduce((total, e, t) => total + e * w[d * bins + t], w[w.length - DIM + d]);
          expect(y[row * DIM + d]).toBeCloseTo(activate(fn, sum), 3);
        }
      });
    }),
    { numRuns: 60 },
  );
});

it("embeds a number by sines and cosines of trained frequencies", () => {
  const options = { frequencies: 4, sigma: 0.1 };
  fc.assert(
    fc.property(floats(5, 3), floats(4, 2), floats(9 * DIM, 1), activations, (x, c, w, fn) => {
      const y = run((scope, column) => periodic(scope, column, DIM, { ...options, activation: fn }), x, {
        "f.frequencies.weight": c,
        "f.linear.weight": w.subarray(0, 8 * DIM).slice(),
        "f.linear.bias": w.subarray(8 * DIM).slice(),
      });
      x.forEach((value, row) => {
        const angles = Array.from(c, (frequency) => 2 * Math.PI * frequency * value);
        const waves = [...angles.map(Math.sin), ...angles.map(Math.cos)];
        for (let d = 0; d < DIM; d++) {
          const sum = waves.reduce((total, wave, i) => total + wave * w[d * 8 + i], w[8 * DIM + d]);
          expect(y[row * DIM + d]).toBeCloseTo(activate(fn, sum), 3);
        }
      });
    }),
    { numRuns: 60 },
  );
});

it("starts with frequencies of the given spread", () => {
  const g = new GraphBuilder();
  const [x] = g.apply(input, [], { name: "x", type: { dtype: "fp32", shape: ["B", 1] }, limit: 0 });
  g.output(
    "y",
    periodic(Scope.root(g, "training"), x, 2, { frequencies: 7, sigma: 0.3, activation: "none" }),
  );
  const parameters = g.finish().nodes.filter(({ op }) => op === parameter);
  expect(parameters.map(({ attrs }) => attrs)).toContainEqual(
    expect.objectContaining({
      name: "frequencies.weight",
      shape: [7, 1],
      init: { kind: "normal", mean: 0, std: 0.3 },
      trainable: true,
    }),
  );
});
