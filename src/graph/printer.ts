import type { Graph } from "./graph.js";
import type { Node } from "./op.js";
import { formatType } from "./tensor.js";

/**
 * The graph as text, one equation per line: `%3: fp32[B, 16] = linear(%1, %2) {"fn":"relu"}`. Stable: tests compare it.
 */
export function printGraph(graph: Graph): string {
  const lines = graph.nodes.map(printNode);
  for (const [name, tensor] of graph.outputs) lines.push(`output ${name} = %${tensor.id}`);
  return lines.join("\n");
}

export function printNode(node: Node): string {
  const outputs = node.outputs.map((t) => `%${t.id}: ${formatType(t)}`).join(", ");
  const inputs = node.inputs.map((t) => `%${t.id}`).join(", ");
  const attrs = Object.keys(node.attrs ?? {}).length > 0 ? ` ${JSON.stringify(node.attrs)}` : "";
  return `${outputs ? `${outputs} = ` : ""}${node.op.kind}(${inputs})${attrs}`;
}
