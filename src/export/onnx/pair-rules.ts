import { columnsOf } from "../../graph/tensor.js";
import type { OnnxGraph, Rule } from "./onnx-graph.js";

/** The pairs (h, f) in row-major order: all, those with h <= f, or those with h < f. */
export function pairsOf(maps: number, fields: number, which: "all" | "upper" | "above"): [number, number][] {
  const first = (h: number) => ({ all: 0, upper: h, above: h + 1 })[which];
  return Array.from({ length: maps }, (_, h) =>
    Array.from({ length: Math.max(0, fields - first(h)) }, (_, i): [number, number] => [h, first(h) + i]),
  ).flat();
}

/** `W (x_h x0_f)`, with the products of all pairs side by side. */
export const compressedInteractionRule: Rule = (g, [x, x0, w, b], { inputs, attrs }) => {
  const pairs = pairsOf(columnsOf(inputs[0]), columnsOf(inputs[1]), attrs.pairs);
  const maps = gathered(
    g,
    x,
    pairs.map(([h]) => h),
  );
  const fields = gathered(
    g,
    x0,
    pairs.map(([, f]) => f),
  );
  const sums = g.op("MatMul", [w, g.op("Mul", [maps, fields])]);
  return b === undefined ? sums : g.op("Add", [sums, g.op("Unsqueeze", [b, g.ints([1])])]);
};

/** `W_hf + W_fh` for h < f, `W_ff` on the diagonal. */
export const foldPairsRule: Rule = (g, [w], { inputs }) => {
  const fields = Math.sqrt(columnsOf(inputs[0]));
  const pairs = pairsOf(fields, fields, "upper");
  const above = gathered(
    g,
    w,
    pairs.map(([h, f]) => h * fields + f),
  );
  const below = gathered(
    g,
    w,
    pairs.map(([h, f]) => f * fields + h),
  );
  const apart = g.floats(
    Float32Array.from(pairs, ([h, f]) => Number(h !== f)),
    [pairs.length],
  );
  return g.op("Add", [above, g.op("Mul", [below, apart])]);
};

function gathered(g: OnnxGraph, x: string, columns: readonly number[]): string {
  return g.op("Gather", [x, g.ints(columns)], { axis: 1 });
}
