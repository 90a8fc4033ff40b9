import { GraphError } from "../../errors.js";
import type { Graph } from "../../graph/graph.js";
import type { Node } from "../../graph/op.js";
import type { ValueMessage } from "./messages.js";
import type { OnnxSource } from "./onnx-graph.js";
import { OnnxGraph, type Rule } from "./onnx-graph.js";
import { RULES } from "./rules.js";

export interface CompiledOnnx {
  readonly graph: OnnxGraph;
  readonly outputs: readonly ValueMessage[];
}

/**
 * The simplified graph of a forward pass as an ONNX graph. Parameters keep their names; their values are not in it.
 * @throws GraphError for an operation that only training has
 */
export function compileToOnnx(graph: Graph, source: OnnxSource): CompiledOnnx {
  const g = new OnnxGraph(source);
  for (const node of graph.nodes) add(g, node);
  const outputs = [...graph.outputs].map(([name, tensor]) => g.output(name, tensor));
  return { graph: g, outputs };
}

function add(g: OnnxGraph, node: Node): void {
  const inputs = node.inputs.map((tensor) => g.nameOf(tensor));
  const names = [ruleOf(node)(g, inputs, node)].flat();
  for (const [i, tensor] of node.outputs.entries()) g.name(tensor, names[i]);
}

function ruleOf({ op }: Node): Rule {
  const rule = (RULES as Readonly<Record<string, Rule | undefined>>)[op.kind];
  if (rule) return rule;
  throw new GraphError({
    what: "the model has an operation that ONNX files of Pairloom cannot hold",
    where: "model",
    got: op.kind,
    expected: `one of ${Object.keys(RULES).join(", ")}`,
    next: "Build the forward pass of your model from these operations.",
  });
}
