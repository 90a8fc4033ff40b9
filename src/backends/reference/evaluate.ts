import { ExecutionError } from "../../errors.js";
import { type Graph, mutated } from "../../graph/graph.js";
import type { Floats, Node, StepContext, Value } from "../../graph/op.js";
import { type Tensor, type TensorType, width } from "../../graph/tensor.js";

/** Makes the arrays of a computation: float32 to train, float64 to check gradients. */
export type MakeFloats = (length: number) => Floats;

/**
 * Evaluates a graph on one batch, equation by equation, with the reference kernels. Sources (inputs, parameters,
 * scalars) come from `bind`. Updates in place run last, so that every equation reads the values from before the step.
 */
export function evaluate(
  graph: Graph,
  context: StepContext,
  bind: (node: Node) => Value,
  make: MakeFloats = (length) => new Float32Array(length),
): Map<Tensor, Value> {
  const values = new Map<Tensor, Value>();
  const run = (node: Node): void => {
    const outputs = node.outputs.map((type) => allocate(type, context.rows, make));
    const inputs = node.inputs.map((tensor) => values.get(tensor)!);
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

function allocate(type: TensorType, rows: number, make: MakeFloats): Value {
  if (type.dtype !== "fp32") {
    throw new ExecutionError({ what: "only inputs can be ids", got: type.dtype, expected: "fp32" });
  }
  const shape = type.shape.map((dim) => (dim === "B" ? rows : dim));
  return { kind: "fp32", shape, data: make(type.shape[0] === "B" ? rows * width(type) : width(type)) };
}
