import { ExecutionError } from "../../errors.js";
import { type Graph, mutated } from "../../graph/graph.js";
import type { Floats, Node, StepContext, Value } from "../../graph/op.js";
import { isBag, isId, type Tensor, type TensorType, width } from "../../graph/tensor.js";

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
  const run = (node: Node): void => {
    const inputs = node.inputs.map((tensor) => values.get(tensor)!);
    const outputs = node.outputs.map((type, i) =>
      isId(type.dtype) || isBag(type.dtype) ? likeIds(inputs[i]) : allocate(type, context.rows, make),
    );
    node.op.reference({ node, inputs, outputs, attrs: node.attrs, context });
    node.outputs.forEach((tensor, i) => void values.set(tensor, outputs[i]));
  };
  for (const node of graph.nodes) {
    if (node.op.execution === "source") values.set(node.outputs[0], bind(node));
    else if (mutated(node).length === 0) run(node);
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

function allocate(type: TensorType, rows: number, make: MakeFloats): Value {
  const shape = type.shape.map((dim) => (dim === "B" ? rows : dim));
  if (type.dtype === "fp16" || type.dtype === "bf16")
    return { kind: type.dtype, shape, data: new Uint16Array(width(type)) };
  return { kind: "fp32", shape, data: make(type.shape[0] === "B" ? rows * width(type) : width(type)) };
}
