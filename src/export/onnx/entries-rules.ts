import { columnsOf } from "../../graph/tensor.js";
import type { From } from "../../ops/entry-places.js";
import { countsOf, onesLike, rowOfValue, zeros } from "./lookup-rules.js";
import type { Bag, OnnxGraph, Rule } from "./onnx-graph.js";

/* Entries of sequences are [count, D]: a line for each value of the bag. */

export const repeatRowsRule: Rule = (g, [x], { inputs: [, bag], attrs: { pooling } }) => {
  const places = g.bagOf(bag)!;
  const repeated = g.op("Gather", [x, rowOfValue(g, places)], { axis: 0 });
  return pooling === "sum" ? repeated : g.op("Div", [repeated, ofEntries(g, divisorOf(g, places), places)]);
};

export const entryWeightsRule: Rule = (g, [values], { inputs: [bag] }) => {
  const { weights } = g.bagOf(bag)!;
  return g.op("Unsqueeze", [weights ?? g.cast(onesLike(g, values), "float"), g.ints([1])]);
};

export const segmentSumRule: Rule = (g, [x], { inputs: [entries, bag], attrs: { pooling } }) => {
  const places = g.bagOf(bag)!;
  const sums = scattered(g, x, columnsOf(entries), places, "add", 0);
  return pooling === "sum" ? sums : g.op("Div", [sums, divisorOf(g, places)]);
};

export const segmentSoftmaxRule: Rule = (g, [x], { inputs: [entries, bag] }) => {
  const places = g.bagOf(bag)!;
  const most = scattered(g, x, columnsOf(entries), places, "max", Number.NEGATIVE_INFINITY);
  const exponentials = g.op("Exp", [g.op("Sub", [x, ofEntries(g, most, places)])]);
  const sums = scattered(g, exponentials, columnsOf(entries), places, "add", 0);
  return g.op("Div", [exponentials, ofEntries(g, sums, places)]);
};

export const windowSharesRule: Rule = (g, _, { inputs: [bag], attrs: { from, skip, count } }) => {
  const own = g.bagOf(bag)!;
  const [places, lengths] = [placesOf(g, own, from), ofEntries(g, countsOf(g, own), own)];
  const after = g.op("GreaterOrEqual", [places, g.ints([skip])]);
  const inside = g.op("And", [after, g.op("Less", [places, g.ints([skip + count])])]);
  const entries = g.op("Min", [g.op("Sub", [lengths, g.ints([skip])]), g.ints([count])]);
  const share = g.op("Div", [g.float(1), g.cast(entries, "float")]);
  return g.op("Unsqueeze", [g.op("Where", [inside, share, g.float(0)]), g.ints([1])]);
};

export const placeSinusoidsRule: Rule = (g, _, { inputs: [bag], attrs: { from, columns } }) => {
  const places = placesOf(g, g.bagOf(bag)!, from);
  const lines = g.cast(g.op("Unsqueeze", [places, g.ints([1])]), "float");
  const perColumn = (value: (c: number) => number) =>
    g.floats(
      Float32Array.from({ length: columns }, (_, c) => value(c)),
      [1, columns],
    );
  const angles = g.op("Mul", [lines, perColumn((c) => 10_000 ** (-(c - (c % 2)) / columns))]);
  const sines = g.op("Mul", [g.op("Sin", [angles]), perColumn((c) => 1 - (c % 2))]);
  return g.op("Add", [sines, g.op("Mul", [g.op("Cos", [angles]), perColumn((c) => c % 2)])]);
};

/** All entries of all rows meet; those of other rows have no weight. */
export const segmentAttentionRule: Rule = (g, [q, k, v], { inputs, attrs: { heads } }) => {
  const size = columnsOf(inputs[0]) / heads;
  const [queries, keys, values] = [q, k, v].map((x, i) => {
    const parts = g.op("Reshape", [x, g.ints([0, heads, columnsOf(inputs[i]) / heads])]);
    return g.op("Transpose", [parts], { perm: i === 1 ? [1, 2, 0] : [1, 0, 2] });
  });
  const scores = g.op("Mul", [g.op("MatMul", [queries, keys]), g.float(1 / Math.sqrt(size))]);
  const row = rowOfValue(g, g.bagOf(inputs[3])!);
  const ofOneRow = g.op("Equal", [g.op("Unsqueeze", [row, g.ints([1])]), row]);
  const kept = g.op("Where", [ofOneRow, scores, g.float(Number.NEGATIVE_INFINITY)]);
  const attended = g.op("MatMul", [g.op("Softmax", [kept], { axis: -1 }), values]);
  const lines = g.op("Transpose", [attended], { perm: [1, 0, 2] });
  return g.op("Reshape", [lines, g.ints([0, columnsOf(inputs[2])])]);
};

export const segmentMaxRule: Rule = (g, [x], { inputs: [entries, bag] }) => {
  const places = g.bagOf(bag)!;
  const most = scattered(g, x, columnsOf(entries), places, "max", Number.NEGATIVE_INFINITY);
  const isEmpty = g.op("Unsqueeze", [g.op("Equal", [countsOf(g, places), g.ints([0])]), g.ints([1])]);
  return g.op("Where", [isEmpty, g.float(0), most]);
};

export const segmentMatmulRule: Rule = (g, [x, w], { inputs: [, , bag], attrs: { transpose } }) => {
  const own = ofEntries(g, w, g.bagOf(bag)!);
  const matrices = transpose ? g.op("Transpose", [own], { perm: [0, 2, 1] }) : own;
  const lines = g.op("MatMul", [g.op("Unsqueeze", [x, g.ints([1])]), matrices]);
  return g.op("Squeeze", [lines, g.ints([1])]);
};

export const segmentOuterRule: Rule = (g, [x, y], { inputs: [left, right, bag] }) => {
  const products = g.op("Mul", [g.op("Unsqueeze", [x, g.ints([2])]), g.op("Unsqueeze", [y, g.ints([1])])]);
  const [k, n] = [columnsOf(left), columnsOf(right)];
  const flat = g.op("Reshape", [products, g.ints([0, k * n])]);
  const sums = scattered(g, flat, k * n, g.bagOf(bag)!, "add", 0);
  return g.op("Reshape", [sums, g.ints([0, k, n])]);
};

export const gatherEntriesRule: Rule = (g, [x, places], { inputs: [entries, , bag], attrs: { from } }) =>
  gatheredFrom(g, x, columnsOf(entries), linesAt(g, places, g.bagOf(bag)!, from));

export const scatterEntriesRule: Rule = (g, [y, places], { inputs: [lines, , bag], attrs: { from } }) => {
  const [own, columns] = [g.bagOf(bag)!, lines.shape[2] as number];
  const flat = g.op("Reshape", [y, g.ints([-1, columns])]);
  return scatteredTo(g, flat, columns, g.op("Reshape", [linesAt(g, places, own, from), g.ints([-1])]), own);
};

export const poolEntriesRule: Rule = (g, [x], { inputs: [entries, inner, outer], attrs: { pooling } }) => {
  const [own, into] = [g.bagOf(inner)!, g.bagOf(outer)!];
  const lines = linesWithin(g, own, into);
  const sums = scatteredTo(g, x, columnsOf(entries), lines, into);
  return pooling === "sum" ? sums : g.op("Div", [sums, countedAt(g, lines, into)]);
};

export const spreadEntriesRule: Rule = (g, [y], { inputs: [entries, outer, inner], attrs: { pooling } }) => {
  const [from, own] = [g.bagOf(outer)!, g.bagOf(inner)!];
  const lines = linesWithin(g, own, from);
  const divided = pooling === "sum" ? y : g.op("Div", [y, countedAt(g, lines, from)]);
  return gatheredFrom(g, divided, columnsOf(entries), lines);
};

export const concatEntriesRule: Rule = (g, [left, , right], { inputs, attrs: { prefix } }) => {
  const [leftBag, rightBag, bag] = [inputs[1], inputs[3], inputs[4]].map((each) => g.bagOf(each)!);
  const lines = joinedLines(g, leftBag, rightBag, bag, prefix);
  const parts = [left, right].map((x, i) => scatteredTo(g, x, columnsOf(inputs[0]), lines[i], bag));
  return g.op("Add", parts);
};

export const splitEntriesRule: Rule = (g, [x], { inputs, attrs: { prefix } }) => {
  const [bag, leftBag, rightBag] = inputs.slice(1).map((each) => g.bagOf(each)!);
  const lines = joinedLines(g, leftBag, rightBag, bag, prefix);
  return lines.map((each) => gatheredFrom(g, x, columnsOf(inputs[0]), each));
};

/** The lines of the outer entries that inner ones are within [inner entries]; the number of all where there is none. */
function linesWithin(g: OnnxGraph, inner: Bag, outer: Bag): string {
  const places = inner.weights ?? g.cast(onesLike(g, rowOfValue(g, inner)), "float");
  return linesAmong(g, places, inner, outer);
}

/** The same, of entries whose places in the rows of the outer sequence are known. */
function linesAmong(g: OnnxGraph, places: string, inner: Bag, outer: Bag): string {
  const [counts, starts] = [countsOf(g, outer), outer.offsets].map((values) => ofEntries(g, values, inner));
  return linesOf(g, places, counts, starts, outer);
}

/** The lines of the joined sequence for the entries of the left one, and of the right one. */
function joinedLines(g: OnnxGraph, left: Bag, right: Bag, joined: Bag, prefix: number): [string, string] {
  const inJoined = (places: string, own: Bag) => linesAmong(g, g.cast(places, "float"), own, joined);
  const before = g.op("Min", [countsOf(g, right), g.ints([prefix])]);
  const [ofLeft, ofRight] = [left, right].map((own) => placesOf(g, own, "first"));
  const after = g.op("Add", [ofRight, ofEntries(g, countsOf(g, left), right)]);
  return [
    inJoined(g.op("Add", [ofLeft, ofEntries(g, before, left)]), left),
    inJoined(g.op("Where", [g.op("Less", [ofRight, g.ints([prefix])]), ofRight, after]), right),
  ];
}

/** `x` and a line of zeros, at lines. */
function gatheredFrom(g: OnnxGraph, x: string, columns: number, lines: string): string {
  const nothing = g.op("Concat", [x, g.floats(new Float32Array(columns), [1, columns])], { axis: 0 });
  return g.op("Gather", [nothing, lines], { axis: 0 });
}

/** The sums of the lines of x [n, columns] at lines of a sequence. */
function scatteredTo(g: OnnxGraph, x: string, columns: number, lines: string, bag: Bag): string {
  const count = entriesIn(g, bag);
  const size = g.op("Concat", [g.op("Add", [count, g.ints([1])]), g.ints([columns])], { axis: 0 });
  const at = g.op("Expand", [g.op("Unsqueeze", [lines, g.ints([1])]), g.op("Shape", [x])]);
  const operands = [g.cast(zeros(g, size), "float"), at, x];
  const sums = g.op("ScatterElements", operands, { axis: 0, reduction: "add" });
  return g.op("Slice", [sums, g.ints([0]), count]);
}

/** How many lines there are for each entry of a sequence [entries, 1], at least 1. */
function countedAt(g: OnnxGraph, lines: string, bag: Bag): string {
  const ones = g.op("Unsqueeze", [g.cast(onesLike(g, lines), "float"), g.ints([1])]);
  const counts = scatteredTo(g, ones, 1, lines, bag);
  return g.op("Max", [counts, g.float(1)]);
}

/** The line of the entry at each place of a row [rows, N]; the number of all entries where the row has no such place. */
function linesAt(g: OnnxGraph, places: string, bag: Bag, from: From): string {
  const column = (values: string) => g.op("Unsqueeze", [values, g.ints([1])]);
  const counts = column(countsOf(g, bag));
  const starts = column(g.op("Slice", [bag.offsets, g.ints([0]), g.ints([-1])]));
  return linesOf(g, places, counts, starts, bag, from);
}

/** The lines at places of rows that begin at `starts` and have `counts` entries; the number of all entries where there is none. */
function linesOf(
  g: OnnxGraph,
  places: string,
  counts: string,
  starts: string,
  bag: Bag,
  from: From = "first",
): string {
  const inside = g.op("And", [
    g.op("GreaterOrEqual", [places, g.float(0)]),
    g.op("Less", [places, g.cast(counts, "float")]),
  ]);
  const isPlace = g.op("And", [g.op("Equal", [g.op("Floor", [places]), places]), inside]);
  const whole = g.cast(places, "int64");
  const place = from === "first" ? whole : g.op("Sub", [g.op("Sub", [counts, g.ints([1])]), whole]);
  return g.op("Where", [isPlace, g.op("Add", [starts, place]), entriesIn(g, bag)]);
}

/** The number of all entries [1]. */
function entriesIn(g: OnnxGraph, { offsets }: Bag): string {
  return g.op("Gather", [offsets, g.ints([-1])], { axis: 0 });
}

/** The place of each entry in its row [count]. */
function placesOf(g: OnnxGraph, bag: Bag, from: From): string {
  const ones = onesLike(g, rowOfValue(g, bag));
  const numbers = g.op("CumSum", [ones, g.op("Squeeze", [g.ints([0])])], { exclusive: 1 });
  const places = g.op("Sub", [numbers, ofEntries(g, bag.offsets, bag)]);
  if (from === "first") return places;
  return g.op("Sub", [g.op("Sub", [ofEntries(g, countsOf(g, bag), bag), g.ints([1])]), places]);
}

/** What each entry's row has. */
function ofEntries(g: OnnxGraph, rows: string, bag: Bag): string {
  return g.op("Gather", [rows, rowOfValue(g, bag)], { axis: 0 });
}

/** Folds the entries [count, D] of each row: [rows, D]. */
function scattered(
  g: OnnxGraph,
  x: string,
  columns: number,
  bag: Bag,
  reduction: "add" | "max",
  start: number,
): string {
  const shape = g.op("Concat", [g.op("Shape", [countsOf(g, bag)]), g.ints([columns])], { axis: 0 });
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
