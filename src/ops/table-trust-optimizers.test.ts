import { describe, expect, it } from "vitest";
import { evaluate } from "../backends/reference/evaluate.js";
import { GraphBuilder } from "../graph/graph.js";
import { fp32, type Tensor } from "../graph/tensor.js";
import { OPS } from "./index.js";

const ROWS = 3;
const DIM = 4;
const RATE = 0.25;
const GRADIENTS = [
  [0.5, -1, 0.25, 2],
  [0.5, 0.5, -0.5, 0],
  [-1, 3, 0.125, 0.25],
];

const norm = (x: readonly number[]) => Math.hypot(...x);
const meanSquare = (x: readonly number[]) => x.reduce((sum, value) => sum + value * value, 0) / x.length;

/** Runs steps that each look row 1 up once; returns the table and the states after them. */
function train(
  update: (g: GraphBuilder, operands: Tensor[], states: (...shape: number[]) => Tensor) => void,
  steps: number,
): Map<string, Float64Array> {
  const arrays = new Map([["table", Float64Array.from({ length: ROWS * DIM }, (_, i) => Math.sin(i + 1))]]);
  for (let step = 0; step < steps; step++) {
    const builder = new GraphBuilder();
    const parameter = (name: string, shape: number[]): Tensor =>
      builder.apply(OPS.parameter, [], {
        name,
        shape,
        role: "table",
        init: { kind: "constant", value: 0 },
        trainable: true,
      })[0];
    const input = (name: string, dtype: "id" | "fp32"): Tensor => {
      const type = dtype === "id" ? ({ dtype, shape: ["B"] } as const) : fp32("B", DIM);
      return builder.apply(OPS.input, [], { name, type, limit: dtype === "id" ? ROWS : 0 })[0];
    };
    const rate = builder.apply(OPS.scalar, [], { name: "rate" })[0];
    let states = 0;
    const operands = [parameter("table", [ROWS, DIM]), rate, input("ids", "id"), input("grad", "fp32")];
    update(builder, operands, (...shape) => parameter(`state${states++}`, shape));
    const graph = builder.finish();
    evaluate(
      graph,
      { rows: 1, step, seed: 0 },
      ({ op, attrs }) => {
        if (op === OPS.scalar) return { kind: "fp32", shape: [1], data: Float64Array.of(RATE) };
        if (op === OPS.input && attrs.type.dtype === "id") return { kind: "id", data: Int32Array.of(1) };
        if (op === OPS.input)
          return { kind: "fp32", shape: [1, DIM], data: Float64Array.from(GRADIENTS[step]) };
        const size = attrs.shape.reduce((a: number, b: number) => a * b, 1);
        const data = arrays.get(attrs.name) ?? new Float64Array(size);
        arrays.set(attrs.name, data);
        return { kind: "fp32", shape: attrs.shape, data };
      },
      (length) => new Float64Array(length),
    );
  }
  return arrays;
}

const START = Array.from({ length: DIM }, (_, d) => Math.sin(DIM + d + 1));
const COMMON = { poolings: ["sum"], l2: 0, everyRow: false } as const;

describe("optimizers with a trust ratio by row", () => {
  it("LARS-SGD moves a row by its norm over its gradient's", () => {
    const [momentum, eta, weightDecay] = [0.9, 0.01, 0.1];
    const arrays = train(
      (g, [table, rate, ...pair], state) =>
        g.apply(OPS.tableLarsSgd, [table, rate, state(ROWS, DIM), ...pair], {
          ...COMMON,
          momentum,
          eta,
          weightDecay,
        }),
      GRADIENTS.length,
    );
    let w = START;
    let m = [0, 0, 0, 0];
    for (const g of GRADIENTS) {
      const rate = (RATE * eta * norm(w)) / (norm(g) + weightDecay * norm(w));
      const before = w;
      m = m.map((old, d) => momentum * old + rate * (g[d] + weightDecay * before[d]));
      w = w.map((value, d) => value - m[d]);
    }
    const table = Array.from(arrays.get("table")!);
    for (const [d, value] of w.entries()) expect(table[DIM + d]).toBeCloseTo(value, 12);
    expect(table.slice(0, DIM)).toEqual(Array.from({ length: DIM }, (_, d) => Math.sin(d + 1)));
  });

  it("partial row-wise LAMB has one second moment a row, and steps of the row's norm", () => {
    const [beta1, beta2, eps, weightDecay] = [0.9, 0.99, 1e-8, 0.05];
    const arrays = train(
      (g, [table, rate, ...pair], state) =>
        g.apply(OPS.tablePartialRowWiseLamb, [table, rate, state(ROWS, DIM), state(ROWS), ...pair], {
          ...COMMON,
          beta1,
          beta2,
          eps,
          weightDecay,
        }),
      GRADIENTS.length,
    );
    let w = START;
    let m = [0, 0, 0, 0];
    let v = 0;
    GRADIENTS.forEach((g, step) => {
      m = m.map((old, d) => beta1 * old + (1 - beta1) * g[d]);
      v = beta2 * v + (1 - beta2) * meanSquare(g);
      const root = Math.sqrt(v / (1 - beta2 ** (step + 1))) + eps;
      const before = w;
      const r = m.map((first, d) => first / (1 - beta1 ** (step + 1)) / root + weightDecay * before[d]);
      w = w.map((value, d) => value - ((RATE * norm(before)) / norm(r)) * r[d]);
    });
    const table = Array.from(arrays.get("table")!);
    for (const [d, value] of w.entries()) expect(table[DIM + d]).toBeCloseTo(value, 12);
    expect(arrays.get("state1")![1]).toBeCloseTo(v, 12);
  });
});
