import { evaluate } from "../src/backends/reference/evaluate.js";
import { referenceTranslation } from "../src/backends/reference/translations.js";
import type { Column } from "../src/columns/columns.js";
import type { Graph } from "../src/graph/graph.js";
import { asFp32, type BagValue, type Floats, type Node, type Value } from "../src/graph/op.js";
import { entriesOf, type Tensor } from "../src/graph/tensor.js";
import { autodiff, type Differentiated } from "../src/passes/autodiff.js";
import type { Example } from "./scene.js";

/** Parameters in float64: exact for the float32 values that an example has. */
export function toFloat64(parameters: ReadonlyMap<string, Float32Array>): Map<string, Float64Array> {
  return new Map([...parameters].map(([name, values]) => [name, Float64Array.from(values)]));
}

/** One step of `graph` in float64, on the example's data; updates go into `parameters`. */
export function evaluateDouble(
  graph: Graph,
  example: Example,
  parameters: ReadonlyMap<string, Float64Array>,
): Map<Tensor, Value> {
  const { rows, step, seed, columns, scalars } = example;
  const bind = (node: Node): Value => {
    const { name } = node.attrs;
    if (node.op.binds === "parameter")
      return { kind: "fp32", shape: node.attrs.shape, data: parameters.get(name)! };
    if (node.op.binds === "input") return operandOf(columns.get(name)!, rows);
    return { kind: "fp32", shape: [1], data: Float64Array.of(Math.fround(scalars.get(name)!)) };
  };
  const translations = new Map(
    [...example.translations].map(([name, spec]) => [name, referenceTranslation(spec)]),
  );
  return evaluate(graph, { rows, step, seed, translations }, bind, (length) => new Float64Array(length));
}

/** The gradient of the output `y0` by every trainable parameter, by name; tables' are summed over their lookups. */
export function gradientsDouble(example: Example): Map<string, Float64Array> {
  const { graph, gradients } = autodiff(example.graph, "y0");
  const values = evaluateDouble(graph, example, toFloat64(example.parameters));
  return new Map(gradients.map((gradient) => [gradient.attrs.name, densify(gradient, values)]));
}

function densify(
  { attrs, dense: whole, sparse }: Differentiated["gradients"][number],
  values: Map<Tensor, Value>,
): Float64Array {
  const sum = new Float64Array(attrs.shape.reduce((product, dim) => product * dim, 1));
  if (whole) addRow(sum, 0, asFp32(values.get(whole)!).data, 1);
  const dim = attrs.shape[1];
  for (const { ids, grad, pooling } of sparse) {
    const rows = asFp32(values.get(grad)!).data;
    if (entriesOf(grad)) {
      const { values: all } = values.get(ids) as BagValue;
      all.forEach((id, i) => void addRow(sum, id * dim, rows.subarray(i * dim, (i + 1) * dim), 1));
      continue;
    }
    bagsOf(values.get(ids)!).forEach((bag, b) => {
      const scale = pooling === "mean" ? 1 / bag.length : 1;
      for (const { id, weight } of bag)
        addRow(sum, id * dim, rows.subarray(b * dim, (b + 1) * dim), scale * weight);
    });
  }
  return sum;
}

function addRow(sum: Float64Array, at: number, row: Floats, weight: number): void {
  for (let d = 0; d < row.length; d++) sum[at + d] += weight * row[d];
}

function bagsOf(value: Value): { id: number; weight: number }[][] {
  if (value.kind === "id") return Array.from(value.data, (id) => [{ id, weight: 1 }]);
  const { values, offsets, weights } = value as BagValue;
  const entries = Array.from(values, (id, p) => ({ id, weight: weights?.[p] ?? 1 }));
  return Array.from({ length: offsets.length - 1 }, (_, b) => entries.slice(offsets[b], offsets[b + 1]));
}

/** The whole of a contiguous column as an operand. */
function operandOf(column: Column, rows: number): Value {
  if (column.kind === "id") return { kind: "id", data: Float64Array.from(column.data, Number) };
  if (column.kind === "ids") {
    const { offsets, weights } = column;
    const values = Float64Array.from(column.values, Number);
    return { kind: "ids", values, offsets: Array.from(offsets, Number), weights };
  }
  return { kind: "fp32", shape: [rows, column.width], data: Float64Array.from(column.data) };
}
