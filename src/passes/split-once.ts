import { executionOf, type Graph } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { innerDims, isRow, type Tensor } from "../graph/tensor.js";
import { input, type ParameterAttrs } from "../ops/sources.js";
import { type TranslateAttrs, translate } from "../ops/translate.js";
import { divideLinear, type WeightPart } from "./divide-linear.js";
import { eliminateDeadCode } from "./eliminate.js";
import { EntriesOnce, type OnceEntries } from "./once-entries.js";

/** A forward pass in two parts, for rows that are equal in some inputs. */
export interface OnceSplit {
  /** What depends on those inputs only, for one row. Its outputs are inputs of {@link each} by name, or of the same name one of {@link sums}. */
  readonly once: Graph;
  /** The rest, for all rows. */
  readonly each: Graph;
  /** Parameters of both parts that hold columns of weights. */
  readonly weights: readonly WeightPart[];
  /** Parameters of {@link each} that hold outputs of {@link once}. */
  readonly sums: readonly Pick<ParameterAttrs, "name" | "shape">[];
  /** What {@link each} reads of sequences, one for each of them. */
  readonly entries: readonly OnceEntries[];
}

/**
 * Splits a forward pass where some inputs are the same in all rows of a request, as those of the user are for all
 * candidates: what depends on them alone is computed for one row, also the part of a linear layer over both. Values differ by
 * rounding only.
 * @param isOnce whether the input of this name is the same in all rows
 * @param room entries of a row for which tables of {@link OnceEntries} have room
 */
export function splitOnce(whole: Graph, isOnce: (input: string) => boolean, room = 1): OnceSplit {
  const given = withSingleTranslations(whole);
  const { graph, weights, sums } = divideLinear(given, onceTensors(given, isOnce));
  const once = onceTensors(graph, isOnce);
  for (const output of graph.outputs.values()) once.delete(output);
  const carried = new Map(sums);
  const entries = new EntriesOnce(graph, once, room);
  const needed = new Set<Tensor>(graph.outputs.values());
  const each: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    const wanted = node.outputs.filter((output) => needed.has(output));
    if (wanted.length === 0) continue;
    if (wanted.every((output) => once.has(output) && isCarried(node, output))) {
      each.push(...wanted.map((output) => carriedInput(output, carried)));
    } else {
      const taken = entries.read(node.outputs[0]) ?? node;
      each.push(taken);
      for (const operand of taken.inputs) needed.add(operand);
    }
  }
  return {
    once: eliminateDeadCode({ nodes: graph.nodes, outputs: carried }),
    each: { nodes: [...entries.sources, ...each.reverse()], outputs: graph.outputs },
    weights,
    sums: [...sums].map(([name, sum]) => ({ name, shape: innerDims(sum) })),
    entries: entries.finish(),
  };
}

/** A translation for each column of ids, so that those that are the same in all rows are translated once. */
function withSingleTranslations({ nodes, outputs }: Graph): Graph {
  const single = (node: Node): Node[] =>
    node.op !== translate || admits(node)
      ? [node]
      : node.inputs.map((ids, i) => ({ ...node, inputs: [ids], outputs: [node.outputs[i]] }));
  return { nodes: nodes.flatMap(single), outputs };
}

/** The row tensors whose rows are all equal. */
function onceTensors({ nodes }: Graph, isOnce: (input: string) => boolean): Set<Tensor> {
  const once = new Set<Tensor>();
  for (const node of nodes) {
    const isSame =
      node.op.binds === "input"
        ? isOnce((node.attrs as { name: string }).name)
        : actsRowByRow(node) && node.inputs.every((operand) => !isRow(operand) || once.has(operand));
    if (isSame) for (const output of node.outputs) if (isRow(output)) once.add(output);
  }
  return once;
}

function actsRowByRow(node: Node): boolean {
  return node.op === translate ? !admits(node) : executionOf(node) === "rowwise";
}

const admits = ({ attrs }: Node) => (attrs as TranslateAttrs).admits;

/**
 * Only numbers are carried over: ids are looked up where they are needed. For those of entries see {@link EntriesOnce}. An
 * input is bound in both parts.
 */
function isCarried({ op }: Node, tensor: Tensor): boolean {
  return tensor.dtype === "fp32" && tensor.shape[0] === "B" && op.binds !== "input";
}

/** An input in place of the equation that makes a tensor. */
function carriedInput(tensor: Tensor, carried: Map<string, Tensor>): Node {
  const name = `@once/${carried.size}`;
  carried.set(name, tensor);
  const { dtype, shape } = tensor;
  return {
    op: input as Node["op"],
    inputs: [],
    attrs: { name, type: { dtype, shape }, limit: 0 },
    outputs: [tensor],
  };
}
