import { columnsOf, isBag, isId, type Tensor, width } from "../../graph/tensor.js";
import type { Bag, OnnxGraph, OnnxLookup, Rule } from "./onnx-graph.js";

/** Numbers `name` [rows, width]; ids `name` [rows]; bags `name.values`, `name.offsets` and, with weights, `name.weights`. */
export const inputRule: Rule = (g, _, { attrs: { name }, outputs: [out] }) => {
  if (isId(out.dtype)) return idsOf(g, name, name, "rows");
  if (!isBag(out.dtype)) return g.input(name, "float", ["rows", width(out)]);
  const values = idsOf(g, name, `${name}.values`, `${name}.count`);
  const offsets = g.input(`${name}.offsets`, "int64", ["rows + 1"]);
  const isWeighted = g.source.weighted.has(name);
  const weights = isWeighted ? g.input(`${name}.weights`, "float", [`${name}.count`]) : undefined;
  g.name(out, values, { offsets, weights });
  return values;
};

/** An input of ids, or of texts that are looked up. */
function idsOf(g: OnnxGraph, feature: string, name: string, size: string): string {
  const texts = g.source.texts.get(feature);
  if (!texts) return g.input(name, "int64", [size]);
  const known = texts.texts.map((text, id) => [text, id] as const);
  const all = [...new Map([...known, ...texts.synonyms, ["", texts.missing]])];
  return g.op(
    "LabelEncoder",
    [g.input(name, "string", [size])],
    {
      keys_strings: all.map(([text]) => text),
      values_int64s: all.map(([, id]) => id),
      default_int64: texts.unknown,
    },
    "ai.onnx.ml",
  );
}

export const translateRule: Rule = (g, columns, { inputs, outputs, attrs }) => {
  const lookup = g.source.lookups.get(attrs.name)!;
  return columns.map((ids, i) => {
    const rows = rowOf(g, ids, lookup);
    g.name(outputs[i], rows, g.bagOf(inputs[i]));
    return rows;
  });
};

function rowOf(g: OnnxGraph, ids: string, lookup: OnnxLookup): string {
  switch (lookup.kind) {
    case "quotient":
      return g.op("Div", [ids, g.ints([lookup.by])]);
    case "remainder":
      return g.op("Mod", [ids, g.ints([lookup.by])]);
    case "rows":
      return g.op("Gather", [g.ints(lookup.rows), ids], { axis: 0 });
    case "keys":
      return rowOfKey(g, ids, lookup);
  }
}

function rowOfKey(g: OnnxGraph, ids: string, { keys, rows }: OnnxLookup & { kind: "keys" }): string {
  if (keys.length === 0) return g.op("Mul", [ids, g.ints([0])]);
  const attrs = { keys_int64s: [...keys], values_int64s: [...rows], default_int64: 0 };
  return g.op("LabelEncoder", [ids], attrs, "ai.onnx.ml");
}

/** The rows of a table [R, D], as fp32. */
export function lookUp(g: OnnxGraph, table: string, rows: string, { dtype }: Tensor): string {
  const found = g.op("Gather", [table, rows], { axis: 0 });
  return dtype === "fp32" ? found : g.cast(found, "float");
}

/** Adds the vectors of all values to the rows that they belong to. */
export const bagRule: Rule = (g, [table, values], { inputs, attrs }) => {
  const bag = g.bagOf(inputs[1])!;
  const found = lookUp(g, table, values, inputs[0]);
  const vectors = bag.weights ? g.op("Mul", [found, g.op("Unsqueeze", [bag.weights, g.ints([1])])]) : found;
  const counts = countsOf(g, bag);
  const columns = g.ints([columnsOf(inputs[0])]);
  const empty = zeros(g, g.op("Concat", [g.op("Shape", [counts]), columns], { axis: 0 }));
  const places = g.op("Expand", [
    g.op("Unsqueeze", [rowOfValue(g, bag), g.ints([1])]),
    g.op("Shape", [vectors]),
  ]);
  const sums = g.op("ScatterElements", [g.cast(empty, "float"), places, vectors], SUM);
  if (attrs.pooling === "sum") return sums;
  const divisor = g.cast(g.op("Max", [counts, g.ints([1])]), "float");
  return g.op("Div", [sums, g.op("Unsqueeze", [divisor, g.ints([1])])]);
};

const SUM = { axis: 0, reduction: "add" } as const;

/** The number of values of each row. */
export function countsOf(g: OnnxGraph, { offsets }: Bag): string {
  return g.once(`counts of ${offsets}`, () => g.op("Sub", [from(g, offsets, 1), until(g, offsets, -1)]));
}

/** The row of each value: how many rows after the first begin at it or before. */
export function rowOfValue(g: OnnxGraph, { offsets }: Bag): string {
  return g.once(`rows of ${offsets}`, () => {
    const starts = until(g, from(g, offsets, 1), -1);
    const end = from(g, offsets, -1);
    const none = zeros(g, g.op("Add", [end, g.ints([1])]));
    const marks = g.op("ScatterElements", [none, starts, onesLike(g, starts)], SUM);
    return until(g, g.op("CumSum", [marks, g.op("Squeeze", [g.ints([0])])]), -1);
  });
}

export const zeros = (g: OnnxGraph, shape: string) => g.op("Expand", [g.ints([0]), shape]);

/** As many ones as there are values. */
export const onesLike = (g: OnnxGraph, values: string) =>
  g.op("Expand", [g.ints([1]), g.op("Shape", [values])]);

const from = (g: OnnxGraph, x: string, start: number) =>
  g.op("Slice", [x, g.ints([start]), g.ints([Number.MAX_SAFE_INTEGER]), g.ints([0])]);

const until = (g: OnnxGraph, x: string, end: number) =>
  g.op("Slice", [x, g.ints([0]), g.ints([end]), g.ints([0])]);
