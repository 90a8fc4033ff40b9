import { consumers, type Graph } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import type { Tensor } from "../graph/tensor.js";
import { activation, activationGrad } from "../ops/activation.js";
import { linear, linearGradInput } from "../ops/linear.js";

/**
 * Moves an activation into the preceding linear layer if nothing else reads the layer's sum, so that it is applied
 * while the tile is in registers. Runs after autodiff: activations whose slope depends on their output do not need the
 * sum again.
 */
export function fuseLinearActivation(graph: Graph): Graph {
  const uses = consumers(graph);
  const outputs = new Set<Tensor>(graph.outputs.values());
  const fused = new Map<Node, Node>();
  const absorbed = new Set<Node>();
  for (const node of graph.nodes) {
    if (node.op !== linear || node.attrs.fn !== "none" || outputs.has(node.outputs[0])) continue;
    const [next, ...others] = uses.get(node.outputs[0]) ?? [];
    if (next?.op !== activation || others.length > 0) continue;
    fused.set(node, { ...node, attrs: { fn: next.attrs.fn }, outputs: next.outputs });
    absorbed.add(next);
  }
  const nodes = graph.nodes.filter((node) => !absorbed.has(node)).map((node) => fused.get(node) ?? node);
  return { nodes, outputs: graph.outputs };
}

/**
 * Moves the gradient of an activation into the input gradient of the following layer if nothing else reads that, so
 * that the slope is applied while the gradient is in registers.
 */
export function fuseActivationGrad(graph: Graph): Graph {
  const uses = consumers(graph);
  const outputs = new Set<Tensor>(graph.outputs.values());
  const made = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const absorbed = new Set<Node>();
  const fused = new Map<Node, Node>();
  for (const node of graph.nodes) {
    if (node.op !== activationGrad) continue;
    const [dy, s] = node.inputs;
    const before = made.get(dy)!;
    if (before.op !== linearGradInput || before.inputs.length > 2) continue;
    if (outputs.has(dy) || uses.get(dy)!.length > 1) continue;
    const { fn } = node.attrs;
    fused.set(node, {
      ...before,
      inputs: [...before.inputs, s],
      attrs: { ...before.attrs, fn },
      outputs: node.outputs,
    });
    absorbed.add(before);
  }
  const nodes = graph.nodes.filter((node) => !absorbed.has(node)).map((node) => fused.get(node) ?? node);
  return { nodes, outputs: graph.outputs };
}
