import { GraphError } from "../errors.js";
import { type Graph, mutated } from "./graph.js";
import { printNode } from "./printer.js";
import { formatType, sameShape, type Tensor } from "./tensor.js";

/**
 * Checks the invariants of every pass: tensors are defined once and before use, outputs have the inferred types, only
 * parameters are updated in place, and all outputs exist.
 * @throws GraphError naming the equation; `after` names the pass that broke it
 */
export function verifyGraph(graph: Graph, after: string): Graph {
  const defined = new Set<Tensor>();
  const parameters = new Set<Tensor>();
  for (const node of graph.nodes) {
    const fail = (what: string, got?: string, expected?: string): never => {
      throw new GraphError({ what, where: `after ${after}: ${printNode(node)}`, got, expected });
    };
    for (const input of node.inputs)
      if (!defined.has(input)) fail(`%${input.id} is used before it is defined`);
    const types = node.op.infer(node.inputs, node.attrs);
    if (types.length !== node.outputs.length) {
      fail("the number of outputs is wrong", String(node.outputs.length), String(types.length));
    }
    node.outputs.forEach((output, i) => {
      if (defined.has(output)) fail(`%${output.id} is defined twice`);
      if (output.dtype !== types[i].dtype || !sameShape(output.shape, types[i].shape)) {
        fail(`%${output.id} has the wrong type`, formatType(output), formatType(types[i]));
      }
      defined.add(output);
      if (node.op.binds === "parameter") parameters.add(output);
    });
    for (const target of mutated(node)) {
      if (!parameters.has(target)) fail(`%${target.id} is updated in place but is not a parameter`);
    }
  }
  for (const [name, tensor] of graph.outputs) {
    if (!defined.has(tensor)) {
      throw new GraphError({
        what: `output "${name}" is not defined`,
        where: `after ${after}`,
        got: `%${tensor.id}`,
      });
    }
  }
  return graph;
}
