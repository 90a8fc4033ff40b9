import { asFp32, type BagValue, defineOp, type Op, type Pooling } from "../graph/op.js";
import { width } from "../graph/tensor.js";
import { checkShapes, isSequenceBag } from "./check.js";
import { once, sizeOf } from "./cost.js";
import { POOLING_CODE } from "./embedding-bag.js";
import { isOfBag } from "./segment-sum.js";

/*
 * Bags within the entries of a sequence. Their ids are the entries of a sequence of its own, the inner one, whose bag has the place
 * of each id's entry in its row, counted from 0, as the weight of the id. Each of the two operations is the gradient of the other.
 */

/**
 * Sum or mean of the inner entries of each entry: x [M, D], the bag of the inner sequence [B], the bag of the outer one [B] ->
 * [L, D]. An entry without inner ones gets zeros.
 */
export const poolEntries: Op<{ pooling: Pooling }> = defineOp({
  kind: "poolEntries",
  opcode: 177,
  execution: "rowwise",
  entries: "segments",
  operands: "x:entries[n] inner:samples outer:bag -> out:entries[n]",
  attributes: "pooling",
  meaning:
    "`out` of an entry of outer is the sum, in order, of the entries of inner in its row whose weights are its place, or their mean; zeros where there is none",
  cost: ({ shapes }) => once(sizeOf(shapes[0]), shapes),
  infer([x, inner, outer]) {
    const ok = isOfBag(x, inner) && isSequenceBag(outer) && outer.entries !== inner.entries;
    checkShapes(ok, "poolEntries", NESTED, [x, inner, outer]);
    return [{ dtype: "fp32", shape: [outer.entries!, width(x)] }];
  },
  gradient: ({ inputs: [, inner, outer], outputGradients: [dy], attrs, apply }) => [
    dy && apply(spreadEntries, [dy, outer, inner], attrs)[0],
    undefined,
    undefined,
  ],
  reference({ node, inputs, outputs, attrs: { pooling } }) {
    const [x, out] = [inputs[0], outputs[0]].map((value) => asFp32(value).data);
    const [inner, outer] = inputs.slice(1) as BagValue[];
    const n = width(node.inputs[0]);
    const entryOf = outerEntries(inner, outer);
    const counts = countsOf(entryOf);
    entryOf.forEach((entry, i) => {
      if (entry !== undefined) for (let d = 0; d < n; d++) out[entry * n + d] += x[i * n + d];
    });
    if (pooling === "mean")
      for (const [entry, count] of counts) for (let d = 0; d < n; d++) out[entry * n + d] /= count;
  },
  encode: ({ attrs }) => [POOLING_CODE[attrs.pooling]],
});

/**
 * Repeats each entry for its inner ones: y [L, D], the bag of the outer sequence [B], the bag of the inner one [B] -> [M, D]; with the
 * pooling `mean` divided by their number.
 */
export const spreadEntries: Op<{ pooling: Pooling }> = defineOp({
  kind: "spreadEntries",
  opcode: 178,
  execution: "rowwise",
  entries: "segments",
  operands: "y:entries[n] outer:bag inner:samples -> out:entries[n]",
  attributes: "pooling",
  meaning:
    "`out` of an entry of inner is the entry of outer in its row whose place is its weight, for mean divided by the number of entries with this weight; zeros where there is none",
  cost: ({ shapes }) => once(sizeOf(shapes[3]), shapes),
  infer([y, outer, inner]) {
    const ok = isOfBag(y, outer) && isSequenceBag(inner) && outer.entries !== inner.entries;
    checkShapes(ok, "spreadEntries", NESTED, [y, outer, inner]);
    return [{ dtype: "fp32", shape: [inner.entries!, width(y)] }];
  },
  gradient: ({ inputs: [, outer, inner], outputGradients: [dx], attrs, apply }) => [
    dx && apply(poolEntries, [dx, inner, outer], attrs)[0],
    undefined,
    undefined,
  ],
  reference({ node, inputs, outputs, attrs: { pooling } }) {
    const [y, out] = [inputs[0], outputs[0]].map((value) => asFp32(value).data);
    const [outer, inner] = inputs.slice(1) as BagValue[];
    const n = width(node.inputs[0]);
    const entryOf = outerEntries(inner, outer);
    const counts = countsOf(entryOf);
    entryOf.forEach((entry, i) => {
      if (entry === undefined) return;
      const divisor = pooling === "mean" ? counts.get(entry)! : 1;
      for (let d = 0; d < n; d++) out[i * n + d] = y[entry * n + d] / divisor;
    });
  },
  encode: ({ attrs }) => [POOLING_CODE[attrs.pooling]],
});

const NESTED = "entries [L, D], the bag of their sequence [B], the bag of another sequence [B]";

/** The outer entry of each inner one; `undefined` if its weight is no place of the row. */
function outerEntries(inner: BagValue, outer: BagValue): (number | undefined)[] {
  const entries: (number | undefined)[] = [];
  for (let b = 0; b + 1 < inner.offsets.length; b++) {
    const length = outer.offsets[b + 1] - outer.offsets[b];
    for (let i = inner.offsets[b]; i < inner.offsets[b + 1]; i++) {
      const place = inner.weights?.[i] ?? 1;
      const isPlace = Number.isInteger(place) && place >= 0 && place < length;
      entries.push(isPlace ? outer.offsets[b] + place : undefined);
    }
  }
  return entries;
}

function countsOf(entries: readonly (number | undefined)[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const entry of entries) if (entry !== undefined) counts.set(entry, (counts.get(entry) ?? 0) + 1);
  return counts;
}
