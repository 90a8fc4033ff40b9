import type { Graph } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import type { Tensor } from "../graph/tensor.js";
import type { HalfDtype } from "../half.js";
import { embedEntries } from "../ops/embed-entries.js";
import { embedding } from "../ops/embedding.js";
import { embeddingBag } from "../ops/embedding-bag.js";
import { quantizedEmbedding, quantizedEmbeddingBag } from "../ops/quantized-embedding.js";
import { type ParameterAttrs, parameter } from "../ops/sources.js";
import { type QuantizedAttrs, wordsOf } from "../quantized-rows.js";

/** How the tables of a bundle are stored: as 16-bit numbers, or as integers of 8 or 4 bits with a scale and an offset a row. */
export const TABLE_STORAGES = ["fp16", "bf16", "int8", "int4"] as const;
export type TableStorage = (typeof TABLE_STORAGES)[number];

const BITS = { int8: 8, int4: 4 } as const;

/** What becomes of a table: 16-bit numbers, quantized rows, or nothing, where its rows would take no less memory. */
export type StoredAs = { readonly dtype: HalfDtype } | QuantizedAttrs;

function storedAs(
  { role, shape, dtype = "fp32" }: ParameterAttrs,
  storage: TableStorage,
): StoredAs | undefined {
  if (role !== "table") return undefined;
  if (storage === "fp16" || storage === "bf16") return dtype === "fp32" ? { dtype: storage } : undefined;
  const quantized = { bits: BITS[storage], dim: shape[1] };
  const words = dtype === "fp32" ? shape[1] : shape[1] / 2;
  return wordsOf(quantized) < words ? quantized : undefined;
}

/** What becomes of the tables of a graph, by name. Those that are looked up entry by entry are not quantized. */
export function storedTables({ nodes }: Graph, storage: TableStorage): Map<string, StoredAs> {
  const byEntry = new Set(nodes.filter(({ op }) => op === embedEntries).map(({ inputs: [table] }) => table));
  const parameters = nodes.filter(({ op }) => op === parameter);
  return new Map(
    parameters.flatMap(({ attrs, outputs: [table] }): [string, StoredAs][] => {
      const as = storedAs(attrs, storage);
      return as && !("bits" in as && byEntry.has(table)) ? [[attrs.name, as]] : [];
    }),
  );
}

/** The forward pass with tables that are stored in fewer bytes. */
export function storeTables(graph: Graph, storage: TableStorage): Graph {
  const stored = new Map<Tensor, { readonly table: Tensor; readonly as: StoredAs }>();
  const tables = storedTables(graph, storage);
  const nodes = graph.nodes.map((node) => {
    const as = node.op === parameter ? tables.get(node.attrs.name) : undefined;
    if (!as) return lookedUp(node, stored);
    const attrs = storedAttrs(node.attrs, as);
    const [type] = parameter.infer([], attrs);
    const table = { ...type, id: node.outputs[0].id };
    stored.set(node.outputs[0], { table, as });
    return { ...node, attrs, outputs: [table] };
  });
  return { nodes, outputs: graph.outputs };
}

/** The attributes of the parameter that holds the table. */
function storedAttrs(attrs: ParameterAttrs, as: StoredAs): ParameterAttrs {
  if ("dtype" in as) return { ...attrs, dtype: as.dtype };
  return { ...attrs, dtype: undefined, shape: [attrs.shape[0], wordsOf(as)], words: true };
}

/** A lookup in one of the tables, which returns what it did. */
function lookedUp(node: Node, stored: ReadonlyMap<Tensor, { table: Tensor; as: StoredAs }>): Node {
  const found = stored.get(node.inputs[0]);
  if (!found) return node;
  const inputs = [found.table, ...node.inputs.slice(1)];
  if ("dtype" in found.as) return { ...node, inputs };
  const op = LOOKUPS.get(node.op)!;
  return { ...node, op: op as Node["op"], inputs, attrs: { ...node.attrs, ...found.as } };
}

const LOOKUPS = new Map<unknown, unknown>([
  [embedding, quantizedEmbedding],
  [embeddingBag, quantizedEmbeddingBag],
]);
