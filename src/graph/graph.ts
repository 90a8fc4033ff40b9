import { GraphError } from "../errors.js";
import type { Execution, Node, Op } from "./op.js";
import { type Entries, entriesOf, formatType, isRow, type Tensor, type TensorType } from "./tensor.js";

/** A static list of equations in dependency order. Immutable: passes create new graphs. */
export interface Graph {
  readonly nodes: readonly Node[];
  /** The tensors that the caller can read after a step, by name. */
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** Builds a graph equation by equation and infers shapes. Every pass that adds equations uses it. */
export class GraphBuilder {
  private readonly nodes: Node[];
  private readonly outputs: Map<string, Tensor>;
  private nextId: number;

  /** Starts with an empty graph, or with an existing one to extend. */
  constructor(from?: Graph) {
    this.nodes = from ? [...from.nodes] : [];
    this.outputs = new Map(from?.outputs);
    this.nextId = 1 + this.nodes.reduce((top, node) => Math.max(top, ...node.outputs.map((t) => t.id)), -1);
  }

  readonly apply = <A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): readonly Tensor[] => {
    if (this.nodes.length === MOST_NODES) throw tooLarge();
    checkEntries(op as Op, inputs);
    const outputs = op.infer(inputs, attrs).map((type) => this.tensor(type));
    this.nodes.push({ op: op as Op, inputs, attrs, outputs });
    return outputs;
  };

  output(name: string, tensor: Tensor): void {
    if (this.outputs.has(name)) {
      throw new GraphError({ what: `the graph already has an output "${name}"`, got: formatType(tensor) });
    }
    this.outputs.set(name, tensor);
  }

  finish(): Graph {
    return { nodes: [...this.nodes], outputs: new Map(this.outputs) };
  }

  private tensor(type: TensorType): Tensor {
    const { dtype, shape, entries } = type;
    return { dtype, shape, id: this.nextId++, ...(entries && { entries }) };
  }
}

/** Refuses entries of a sequence where an operation knows rows of the batch only, and a mixture of both. */
function checkEntries({ kind, entries }: Op, inputs: readonly Tensor[]): void {
  const rows = inputs.filter((type) => isRow(type) && type.dtype === "fp32");
  const mixed = rows.some((type) => type.shape[0] !== rows[0].shape[0]);
  if (entries === "rows" ? !mixed : entries !== undefined || !rows.some(entriesOf)) return;
  throw new GraphError({
    what: entries
      ? "the operands are not of one sequence"
      : "the operation does not work on entries of sequences",
    where: kind,
    got: inputs.map(formatType).join(", "),
    expected: entries ? "rows of the batch, or entries of one sequence" : "rows of the batch",
    next: entries ? "Repeat the rows for the entries first." : "Pool the entries first.",
  });
}

/** Far above every model: a graph beyond it is a mistake, or a config made to keep a server busy. */
const MOST_NODES = 200_000;

function tooLarge(): GraphError {
  return new GraphError({
    what: "the model is too large",
    where: "model",
    got: `more than ${MOST_NODES} operations`,
    expected: `at most ${MOST_NODES} operations`,
    next: "Use fewer layers, heads or features.",
  });
}

/** The node that computes each tensor. */
export function producers(graph: Graph): Map<Tensor, Node> {
  const map = new Map<Tensor, Node>();
  for (const node of graph.nodes) for (const output of node.outputs) map.set(output, node);
  return map;
}

/** The nodes that read each tensor, in graph order; a node that reads it twice is listed twice. */
export function consumers(graph: Graph): Map<Tensor, Node[]> {
  const map = new Map<Tensor, Node[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      const list = map.get(input);
      if (list) list.push(node);
      else map.set(input, [node]);
    }
  }
  return map;
}

/** The tensors that a node updates in place: operands marked `!`. */
export function mutated({ op, inputs }: Node): readonly Tensor[] {
  if (!op.operands?.includes("!")) return [];
  const words = op.operands.split(" ");
  return inputs.filter((_, i) => words[i]?.includes("!"));
}

/** What an equation processes tile by tile: the rows of the batch, or the entries of a sequence. */
export function domainOf({ op, inputs, outputs }: Node): "B" | Entries {
  if (op.entries === undefined || op.entries === "segments") return "B";
  return [...outputs, ...inputs].map(entriesOf).find((entries) => entries !== undefined) ?? "B";
}

/**
 * The execution kind of this equation: a row-wise operation with only fixed operands (a sum of two weights) is `fixed`.
 */
export function executionOf(node: Node): Execution {
  if (node.op.execution === "rowwise" && !node.outputs.some(isRow)) return "fixed";
  return node.op.execution;
}
