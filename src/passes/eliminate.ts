import { type Graph, mutated } from "../graph/graph.js";
import type { Tensor } from "../graph/tensor.js";

/** Removes equations that no output and no in-place update needs. */
export function eliminateDeadCode(graph: Graph): Graph {
  const needed = new Set<Tensor>(graph.outputs.values());
  const nodes = [...graph.nodes].reverse().filter((node) => {
    const live = mutated(node).length > 0 || node.outputs.some((output) => needed.has(output));
    if (live) for (const input of node.inputs) needed.add(input);
    return live;
  });
  return { nodes: nodes.reverse(), outputs: graph.outputs };
}
