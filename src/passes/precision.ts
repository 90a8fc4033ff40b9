import type { Graph } from "../graph/graph.js";
import type { Precision } from "../graph/precision.js";

/**
 * Makes the matrix products of linear layers and of their gradients round their operands. Sums, parameters and all
 * other operations stay fp32 (Micikevicius et al., "Mixed Precision Training", 2018; the range of bfloat16 makes its
 * loss scaling unnecessary).
 */
export function inPrecision(graph: Graph, precision: Precision): Graph {
  if (precision === "fp32") return graph;
  const nodes = graph.nodes.map((node) =>
    node.op.hasPrecision ? { ...node, attrs: { ...node.attrs, precision } } : node,
  );
  return { nodes, outputs: graph.outputs };
}
