import { ExecutionError } from "../../errors.js";
import { domainOf, type Graph, mutated } from "../../graph/graph.js";
import type { BagValue, Floats, Node, StepContext, Value } from "../../graph/op.js";
import { type Dim, isBag, isId, isRow, type Tensor, type TensorType, width } from "../../graph/tensor.js";

/** Allocates the arrays of a computation: float32 for training, float64 for gradient checks. */
export type MakeFloats = (length: number) => Floats;

/**
 * Evaluates a graph on one batch, equation by equation, with the reference kernels. `bind` provides the sources
 * (inputs, parameters, scalars). In-place updates run last, so every equation reads the values from before the step.
 */
export function evaluate(
  graph: Graph,
  context: StepContext,
  bind: (node: Node) => Value,
  make: MakeFloats = (length) => new Float32Array(length),
): Map<Tensor, Value> {
  const values = new Map<Tensor, Value>();
  const lines = new Map<Dim, number>([["B", context.rows]]);
  const run = (node: Node): void => {
    const inputs = node.inputs.map((tensor) => values.get(tensor)!);
    const outputs = node.outputs.map((type, i) =>
      isId(type.dtype) || isBag(type.dtype) ? likeIds(inputs[i]) : allocate(type, lines, make),
    );
    const rows = node.op.entries === "rows" ? lines.get(domainOf(node))! : context.rows;
    node.op.reference({ node, inputs, outputs, attrs: node.attrs, context: { ...context, rows } });
    node.outputs.forEach((tensor, i) => void values.set(tensor, outputs[i]));
  };
  for (const node of graph.nodes) {
    if (node.op.execution === "source") {
      const [tensor] = node.outputs;
      values.set(tensor, bind(node));
      if (tensor.entries) lines.set(tensor.entries, entriesIn(values.get(tensor) as BagValue));
    } else if (mutated(node).length === 0) run(node);
  }
  for (const node of graph.nodes) if (mutated(node).length > 0) run(node);
  return values;
}

/** Rows have the sizes of the ids or keys at the same positions. */
function likeIds(ids: Value): Value {
  if (ids.kind === "id" || ids.kind === "key") return { kind: "id", data: new Float64Array(ids.data.length) };
  if (ids.kind === "ids" || ids.kind === "keys")
    return { ...ids, kind: "ids", values: new Float64Array(ids.values.length) };
  throw new ExecutionError({ what: "ids are made of something else", got: ids.kind, expected: "ids" });
}

function entriesIn({ offsets }: BagValue): number {
  return offsets[offsets.length - 1];
}

/** @param lines the rows of the batch, and the entries of each sequence */
function allocate(type: TensorType, lines: ReadonlyMap<Dim, number>, make: MakeFloats): Value {
  const shape = type.shape.map((dim) => (typeof dim === "string" ? lines.get(dim)! : dim));
  if (type.dtype === "fp16" || type.dtype === "bf16")
    return { kind: type.dtype, shape, data: new Uint16Array(width(type)) };
  return { kind: "fp32", shape, data: make(isRow(type) ? shape[0] * width(type) : width(type)) };
}
