import { asFp32, type BagValue, defineOp, type Op } from "../graph/op.js";
import { fp32, width } from "../graph/tensor.js";
import { checkShapes, isRows, isSequenceBag } from "./check.js";
import { once, sizeOf } from "./cost.js";
import { FROM_LAST, type From } from "./entry-places.js";
import { isOfBag } from "./segment-sum.js";

/*
 * Entries by their places in their rows, counted from 0, from the first entry of a row or from the last. Each of the two operations
 * is the gradient of the other.
 */

/**
 * The entries at places of their row: x [L, D], places [B, N] and the bag [B] of the sequence -> [B, N, D]. A place that is no whole
 * number below the length of the row gives zeros.
 */
export const gatherEntries: Op<{ from: From }> = defineOp({
  kind: "gatherEntries",
  opcode: 175,
  execution: "rowwise",
  entries: "chunks",
  operands: "x:entry[n] places:batch[*] bag:samples -> out:batch[*]",
  attributes: "fromLast:flag",
  meaning:
    "`out[b, i]` is the entry at place `places[b, i]` of row b, counted from the last one if `fromLast`; zeros where the row has no such place",
  cost: ({ shapes: [x, places, bag, out] }) => once(0, [x, places, bag, out]),
  infer([x, places, bag]) {
    const ok = isOfBag(x, bag) && isRows(places, 2) && places.shape[0] === "B";
    checkShapes(ok, "gatherEntries", "x [L, D], places [B, N], the bag [B] of x", [x, places, bag]);
    return [fp32("B", width(places), width(x))];
  },
  gradient: ({ inputs: [, places, bag], outputGradients: [dy], attrs, apply }) => [
    dy && apply(scatterEntries, [dy, places, bag], attrs)[0],
    undefined,
    undefined,
  ],
  reference({ node, inputs, outputs, attrs: { from } }) {
    const [x, places] = inputs.slice(0, 2).map((value) => asFp32(value).data);
    const out = asFp32(outputs[0]).data;
    const n = width(node.inputs[0]);
    each(places, inputs[2] as BagValue, from, (i, entry) => {
      out.set(x.subarray(entry * n, (entry + 1) * n), i * n);
    });
  },
  encode: ({ attrs: { from } }) => [FROM_LAST[from]],
});

/** Sums of the lines of each row at the places of its entries: y [B, N, D], places [B, N] and the bag [B] -> [L, D]. */
export const scatterEntries: Op<{ from: From }> = defineOp({
  kind: "scatterEntries",
  opcode: 176,
  execution: "rowwise",
  entries: "chunks",
  operands: "y:batch[*] places:batch[*] bag:samples -> out:entry[n]",
  attributes: "fromLast:flag",
  meaning:
    "`out` of an entry is the sum, in order, of `y[b, i]` over the i with its place as `places[b, i]`, counted from the last one if `fromLast`",
  cost: ({ shapes: [y, places, bag, out] }) => once(sizeOf(y), [y, places, bag, out]),
  infer([y, places, bag]) {
    const isLines = isRows(y, 3) && isRows(places, 2) && y.shape[0] === "B" && places.shape[0] === "B";
    const ok = isLines && y.shape[1] === width(places) && isSequenceBag(bag);
    checkShapes(ok, "scatterEntries", "y [B, N, D], places [B, N], the bag of a sequence [B]", [
      y,
      places,
      bag,
    ]);
    return [{ dtype: "fp32", shape: [bag.entries!, y.shape[2]] }];
  },
  gradient: ({ inputs: [, places, bag], outputGradients: [dx], attrs, apply }) => [
    dx && apply(gatherEntries, [dx, places, bag], attrs)[0],
    undefined,
    undefined,
  ],
  reference({ node, inputs, outputs, attrs: { from } }) {
    const [y, places] = inputs.slice(0, 2).map((value) => asFp32(value).data);
    const out = asFp32(outputs[0]).data;
    const n = node.inputs[0].shape[2] as number;
    each(places, inputs[2] as BagValue, from, (i, entry) => {
      for (let d = 0; d < n; d++) out[entry * n + d] += y[i * n + d];
    });
  },
  encode: ({ attrs: { from } }) => [FROM_LAST[from]],
});

/** Calls `visit(index of the place, entry)` for each place that is in its row. */
function each(
  places: ArrayLike<number>,
  { offsets }: BagValue,
  from: From,
  visit: (i: number, entry: number) => void,
): void {
  const count = places.length / (offsets.length - 1);
  for (let i = 0; i < places.length; i++) {
    const place = places[i];
    const [begin, end] = [offsets[Math.floor(i / count)], offsets[Math.floor(i / count) + 1]];
    if (!Number.isInteger(place) || place < 0 || place >= end - begin) continue;
    visit(i, from === "first" ? begin + place : end - 1 - place);
  }
}
