import { type Graph, GraphBuilder, producers } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import type { Tensor } from "../graph/tensor.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { translate } from "../ops/translate.js";
import { LOOKUPS } from "./lookups.js";

/** Columns of ids with the same translation, and the number of rows of their tables. */
interface Translated {
  readonly rows: number;
  readonly columns: Set<Tensor>;
}

/**
 * Inserts translations between inputs and table lookups: one equation per translation, with all columns that use it.
 * Gradients and updates derived from the result see rows only. Graphs without translations are unchanged.
 */
export function translateIds(graph: Graph, { admits }: { admits: boolean }): Graph {
  const found = findTranslated(graph);
  if (found.size === 0) return graph;
  const builder = new GraphBuilder(graph);
  const translations: Node[] = [];
  const rowsOf = new Map<string, Map<Tensor, Tensor>>();
  for (const [translation, { rows, columns }] of found) {
    const outputs = builder.apply(translate, [...columns], { name: translation, rows, admits });
    translations.push(builder.finish().nodes.at(-1)!);
    rowsOf.set(translation, new Map([...columns].map((ids, i) => [ids, outputs[i]])));
  }
  const tables = tablesOf(graph);
  const rewired = graph.nodes.map((node) => {
    const translation = LOOKUPS.has(node.op) ? tables(node)?.translation : undefined;
    if (translation === undefined) return node;
    const [table, ids] = node.inputs;
    return { ...node, inputs: [table, rowsOf.get(translation)!.get(ids)!] };
  });
  const isInput = (node: Node): boolean => node.op.binds === "input";
  const nodes = [...rewired.filter(isInput), ...translations, ...rewired.filter((node) => !isInput(node))];
  return { nodes, outputs: graph.outputs };
}

function findTranslated(graph: Graph): Map<string, Translated> {
  const tables = tablesOf(graph);
  const found = new Map<string, Translated>();
  for (const node of graph.nodes.filter(({ op }) => LOOKUPS.has(op))) {
    const table = tables(node);
    if (table?.translation === undefined) continue;
    const { columns } = found.get(table.translation) ?? { columns: new Set() };
    found.set(table.translation, { rows: table.shape[0], columns: columns.add(node.inputs[1]) });
  }
  return found;
}

/** The table of a lookup. */
function tablesOf(graph: Graph): (lookup: Node) => ParameterAttrs | undefined {
  const made = producers(graph);
  return ({ inputs: [table] }) => made.get(table)?.attrs as ParameterAttrs | undefined;
}
