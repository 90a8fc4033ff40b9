import { GraphError } from "../errors.js";
import { type Graph, GraphBuilder } from "../graph/graph.js";
import { type InputGradients, isSparse, type Node, type SparseGradient } from "../graph/op.js";
import { printNode } from "../graph/printer.js";
import type { Tensor } from "../graph/tensor.js";
import { add } from "../ops/arithmetic.js";
import { constant, type ParameterAttrs, parameter } from "../ops/sources.js";

export interface ParameterGradient {
  readonly parameter: Tensor;
  readonly attrs: ParameterAttrs;
  /** The gradient of a dense weight, shaped as the weight. */
  readonly dense?: Tensor;
  /** The gradients of a table, one for each lookup. */
  readonly sparse: readonly SparseGradient[];
}

export interface Differentiated {
  readonly graph: Graph;
  readonly gradients: readonly ParameterGradient[];
}

/**
 * Reverse-mode differentiation of the output `loss` [1] by every trainable parameter, as more graph.
 * A tensor used several times gets the sum of its gradients, in the reverse order of the uses.
 */
export function autodiff(graph: Graph, loss: string): Differentiated {
  const target = graph.outputs.get(loss);
  if (!target) {
    throw new GraphError({
      what: "the graph has no such output",
      where: "autodiff",
      got: loss,
      expected: [...graph.outputs.keys()].join(", "),
    });
  }
  const builder = new GraphBuilder(graph);
  const partials = new Map<Tensor, (Tensor | SparseGradient)[]>();
  partials.set(target, [builder.apply(constant, [], { value: 1, shape: [1] })[0]]);

  const total = (tensor: Tensor): Tensor | undefined => {
    const parts = (partials.get(tensor) ?? []).filter((part): part is Tensor => !isSparse(part));
    return parts.length > 1 ? builder.apply(add, parts, {})[0] : parts[0];
  };

  const trained = dependsOnTraining(graph);
  const gradients: ParameterGradient[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (node.op === parameter) {
      const attrs = node.attrs as ParameterAttrs;
      const [tensor] = node.outputs;
      if (!attrs.trainable || !partials.has(tensor)) continue;
      const sparse = (partials.get(tensor) ?? []).filter(isSparse);
      gradients.unshift({ parameter: tensor, attrs, dense: total(tensor), sparse });
      continue;
    }
    if (!trained.has(node) || !node.outputs.some((t) => partials.has(t))) continue;
    if (!node.op.gradient) throw noGradient(node);
    const inputGradients: InputGradients = node.op.gradient({
      node,
      inputs: node.inputs,
      outputs: node.outputs,
      attrs: node.attrs,
      outputGradients: node.outputs.map(total),
      apply: builder.apply,
    });
    node.inputs.forEach((input, i) => {
      const gradient = inputGradients[i];
      if (gradient) partials.set(input, [...(partials.get(input) ?? []), gradient]);
    });
  }
  return { graph: builder.finish(), gradients };
}

/** Silence here would leave a weight untrained. */
function noGradient(node: Node): GraphError {
  return new GraphError({
    what: `${node.op.kind} has no gradient rule, and a trained parameter reaches the loss through it`,
    where: `autodiff: ${printNode(node)}`,
    next: "Use an operation that has one, or make the parameter not trainable.",
  });
}

/** The equations through which a trainable parameter reaches the loss; no other needs a gradient. */
function dependsOnTraining(graph: Graph): Set<Node> {
  const trained = new Set<Tensor>();
  const nodes = new Set<Node>();
  for (const node of graph.nodes) {
    const trainable = node.op === parameter && (node.attrs as ParameterAttrs).trainable;
    if (!trainable && !node.inputs.some((input) => trained.has(input))) continue;
    for (const output of node.outputs) trained.add(output);
    nodes.add(node);
  }
  return nodes;
}
