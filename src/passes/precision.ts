import type { Graph } from "../graph/graph.js";
import type { Precision } from "../graph/precision.js";

/**
 * Has the matrix products of linear layers, and of their gradients, round their operands; sums, parameters and all
 * other operations stay fp32 (Micikevicius et al., "Mixed Precision Training", 2018, whose loss scaling bfloat16's range
 * makes needless).
 */
export function inPrecision(graph: Graph, precision: Precision): Graph {
  if (precision === "fp32") return graph;
  const nodes = graph.nodes.map((node) =>
    node.op.hasPrecision ? { ...node, attrs: { ...node.attrs, precision } } : node,
  );
  return { nodes, outputs: graph.outputs };
}
