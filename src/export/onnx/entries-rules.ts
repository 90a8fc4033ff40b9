import { columnsOf, type Tensor } from "../../graph/tensor.js";
import { countsOf, rowOfValue, zeros } from "./lookup-rules.js";
import type { Bag, OnnxGraph, Rule } from "./onnx-graph.js";

/* Entries of sequences are [count, D]: a line for each value of the bag. */

export const repeatRowsRule: Rule = (g, [x], { inputs: [, bag], attrs: { pooling } }) => {
  const places = g.bagOf(bag)!;
  const repeated = g.op("Gather", [x, rowOfValue(g, places)], { axis: 0 });
  return pooling === "sum" ? repeated : g.op("Div", [repeated, ofEntries(g, divisorOf(g, places), places)]);
};

export const entryWeightsRule: Rule = (g, [values], { inputs: [bag] }) => {
  const { weights } = g.bagOf(bag)!;
  const ones = () => g.op("Add", [g.cast(zeros(g, g.op("Shape", [values])), "float"), g.float(1)]);
  return g.op("Unsqueeze", [weights ?? ones(), g.ints([1])]);
};

export const segmentSumRule: Rule = (g, [x], { inputs: [entries, bag], attrs: { pooling } }) => {
  const places = g.bagOf(bag)!;
  const sums = scattered(g, x, entries, places, "add", 0);
  return pooling === "sum" ? sums : g.op("Div", [sums, divisorOf(g, places)]);
};

export const segmentSoftmaxRule: Rule = (g, [x], { inputs: [entries, bag] }) => {
  const places = g.bagOf(bag)!;
  const most = scattered(g, x, entries, places, "max", Number.NEGATIVE_INFINITY);
  const exponentials = g.op("Exp", [g.op("Sub", [x, ofEntries(g, most, places)])]);
  const sums = scattered(g, exponentials, entries, places, "add", 0);
  return g.op("Div", [exponentials, ofEntries(g, sums, places)]);
};

/** The line of each entry's row. */
function ofEntries(g: OnnxGraph, rows: string, bag: Bag): string {
  return g.op("Gather", [rows, rowOfValue(g, bag)], { axis: 0 });
}

/** Folds the entries [count, D] of each row: [rows, D]. */
function scattered(
  g: OnnxGraph,
  x: string,
  type: Tensor,
  bag: Bag,
  reduction: "add" | "max",
  start: number,
): string {
  const shape = g.op("Concat", [g.op("Shape", [countsOf(g, bag)]), g.ints([columnsOf(type)])], { axis: 0 });
  const from = g.op("Add", [g.cast(zeros(g, shape), "float"), g.float(start)]);
  const row = g.op("Unsqueeze", [rowOfValue(g, bag), g.ints([1])]);
  const places = g.op("Expand", [row, g.op("Shape", [x])]);
  return g.op("ScatterElements", [from, places, x], { axis: 0, reduction });
}

/** The number of entries of each row [rows, 1], at least 1. */
function divisorOf(g: OnnxGraph, bag: Bag): string {
  const counts = g.cast(g.op("Max", [countsOf(g, bag), g.ints([1])]), "float");
  return g.op("Unsqueeze", [counts, g.ints([1])]);
}
