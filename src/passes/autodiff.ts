import { GraphError } from "../errors.js";
import { type Graph, GraphBuilder } from "../graph/graph.js";
import { type Gradient, isRange, isSparse, type Node, type SparseGradient } from "../graph/op.js";
import { printNode } from "../graph/printer.js";
import type { Tensor } from "../graph/tensor.js";
import { add } from "../ops/arithmetic.js";
import { constant, type ParameterAttrs } from "../ops/sources.js";
import { joinRanges } from "./join-ranges.js";

export interface ParameterGradient {
  readonly parameter: Tensor;
  readonly attrs: ParameterAttrs;
  /** The gradient of a dense weight, with the weight's shape. */
  readonly dense?: Tensor;
  /** The gradients of a table, one per lookup. */
  readonly sparse: readonly SparseGradient[];
}

export interface Differentiated {
  readonly graph: Graph;
  readonly gradients: readonly ParameterGradient[];
}

/**
 * Reverse-mode differentiation of the output `loss` [1] with respect to every trainable parameter; adds equations to
 * the graph. A tensor with several uses gets the sum of its gradients, in reverse order of the uses.
 */
export function autodiff(graph: Graph, loss: string): Differentiated {
  const builder = new GraphBuilder(graph);
  const partials: Partials = new Map();
  partials.set(lossOf(graph, loss), [builder.apply(constant, [], { value: 1, shape: [1] })[0]]);

  const trained = dependsOnTraining(graph);
  const gradients: ParameterGradient[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!trained.has(node) || !node.outputs.some((output) => partials.has(output))) continue;
    if (node.op.binds === "parameter") gradients.unshift(parameterGradient(node, partials, builder));
    else propagate(node, partials, builder);
  }
  return { graph: builder.finish(), gradients };
}

/** The gradients of a tensor so far, one per use. */
type Partials = Map<Tensor, Gradient[]>;

function lossOf(graph: Graph, loss: string): Tensor {
  const target = graph.outputs.get(loss);
  if (target) return target;
  throw new GraphError({
    what: "the graph has no such output",
    where: "autodiff",
    got: loss,
    expected: [...graph.outputs.keys()].join(", "),
  });
}

function parameterGradient(node: Node, partials: Partials, builder: GraphBuilder): ParameterGradient {
  const [tensor] = node.outputs;
  const sparse = (partials.get(tensor) ?? []).filter(isSparse);
  return { parameter: tensor, attrs: node.attrs, dense: denseSum(tensor, partials, builder), sparse };
}

/** Passes the gradients of an equation's results on to its operands. */
function propagate(node: Node, partials: Partials, builder: GraphBuilder): void {
  if (!node.op.gradient) throw noGradient(node);
  const gradients = node.op.gradient({
    node,
    inputs: node.inputs,
    outputs: node.outputs,
    attrs: node.attrs,
    outputGradients: node.outputs.map((output) => denseSum(output, partials, builder)),
    apply: builder.apply,
  });
  node.inputs.forEach((input, i) => {
    const gradient = gradients[i];
    if (gradient) partials.set(input, [...(partials.get(input) ?? []), gradient]);
  });
}

function denseSum(tensor: Tensor, partials: Partials, builder: GraphBuilder): Tensor | undefined {
  const all = partials.get(tensor) ?? [];
  const whole = all.filter((part): part is Tensor => !isSparse(part) && !isRange(part));
  const parts = [...whole, ...joinRanges(tensor, all.filter(isRange), builder.apply)];
  return parts.length > 1 ? builder.apply(add, parts, {})[0] : parts[0];
}

/** Without this error a weight would silently not be trained. */
function noGradient(node: Node): GraphError {
  return new GraphError({
    what: `${node.op.kind} has no gradient rule, and a trained parameter reaches the loss through it`,
    where: `autodiff: ${printNode(node)}`,
    next: "Use an operation that has one, or make the parameter not trainable.",
  });
}

/** The equations through which a trainable parameter reaches the loss; others need no gradient. */
function dependsOnTraining(graph: Graph): Set<Node> {
  const trained = new Set<Tensor>();
  const nodes = new Set<Node>();
  for (const node of graph.nodes) {
    const trainable = node.op.binds === "parameter" && (node.attrs as ParameterAttrs).trainable;
    if (!trainable && !node.inputs.some((input) => trained.has(input))) continue;
    for (const output of node.outputs) trained.add(output);
    nodes.add(node);
  }
  return nodes;
}
