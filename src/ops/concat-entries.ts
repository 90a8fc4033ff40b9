import { asFp32, type BagValue, defineOp, type Op } from "../graph/op.js";
import { type TensorType, width } from "../graph/tensor.js";
import { scale } from "./arithmetic.js";
import { checkShapes, isSequenceBag } from "./check.js";
import { once } from "./cost.js";
import { isOfBag } from "./segment-sum.js";

/*
 * Two sequences of the same rows and one with the entries of both, in each row: `prefix` entries of the right one, or as many as it has,
 * the left one, and the rest of the right one. The bag of the joined sequence says how many entries its rows have. Each of the two
 * operations is the gradient of the other.
 */

/** Joins entries: left [L, D], its bag [B], right [M, D], its bag [B] and the bag of the joined sequence [B] -> [L + M, D]. */
export const concatEntries: Op<{ prefix: number }> = defineOp({
  kind: "concatEntries",
  opcode: 179,
  execution: "rowwise",
  entries: "segments",
  operands: "left:entries[n] bag right:entries[n] bag bag -> out:entries[n]",
  attributes: "prefix:count",
  meaning:
    "in each row the first `prefix` entries of right, or as many as there are, the entries of left, and the other entries of right; zeros for entries of out beyond these",
  cost: ({ shapes }) => once(0, shapes),
  infer([left, leftBag, right, rightBag, bag]) {
    const sequences = new Set([leftBag, rightBag, bag].map(({ entries }) => entries));
    const fit = isOfBag(left, leftBag) && isOfBag(right, rightBag) && width(left) === width(right);
    const ok = fit && isSequenceBag(bag) && sequences.size === 3;
    const operands = [left, leftBag, right, rightBag, bag];
    checkShapes(
      ok,
      "concatEntries",
      "entries of two sequences with their bags, the bag of a third",
      operands,
    );
    return [{ dtype: "fp32", shape: [bag.entries!, width(left)] }];
  },
  gradient: ({ inputs: [, leftBag, , rightBag, bag], outputGradients: [dy], attrs, apply }) => {
    if (!dy) return [];
    const [left, right] = apply(splitEntries, [dy, bag, leftBag, rightBag], attrs);
    return [left, undefined, right, undefined, undefined];
  },
  reference({ node, inputs, outputs, attrs: { prefix } }) {
    const [left, right, out] = [inputs[0], inputs[2], outputs[0]].map((value) => asFp32(value).data);
    const bags = [inputs[1], inputs[3], inputs[4]] as BagValue[];
    eachEntry(bags, prefix, width(node.inputs[0]), (side, from, to, n) =>
      out.set((side === 0 ? left : right).subarray(from, from + n), to),
    );
  },
  encode: ({ attrs: { prefix } }) => [prefix],
});

/** Takes joined entries apart: x [L + M, D], its bag [B], the bags of the left and right sequence [B] -> [L, D], [M, D]. */
export const splitEntries: Op<{ prefix: number }> = defineOp({
  kind: "splitEntries",
  opcode: 180,
  execution: "rowwise",
  entries: "segments",
  operands: "x:entries[n] bag bag bag -> left:entries[n] right:entries[n]",
  attributes: "prefix:count",
  meaning: "the entries that concatEntries would put there; zeros for entries that x does not have",
  cost: ({ shapes }) => once(0, shapes),
  infer([x, bag, leftBag, rightBag]) {
    const sequences = new Set([leftBag, rightBag, bag].map(({ entries }) => entries));
    const ok = isOfBag(x, bag) && [leftBag, rightBag].every(isSequenceBag) && sequences.size === 3;
    checkShapes(ok, "splitEntries", "entries with their bag, the bags of two sequences", [
      x,
      bag,
      leftBag,
      rightBag,
    ]);
    const of = ({ entries }: TensorType): TensorType => ({ dtype: "fp32", shape: [entries!, width(x)] });
    return [of(leftBag), of(rightBag)];
  },
  gradient: ({ inputs: [, bag, leftBag, rightBag], outputs, outputGradients, attrs, apply }) => {
    const [left, right] = outputGradients.map((dy, i) => dy ?? apply(scale, [outputs[i]], { factor: 0 })[0]);
    return [apply(concatEntries, [left, leftBag, right, rightBag, bag], attrs)[0]];
  },
  reference({ node, inputs, outputs, attrs: { prefix } }) {
    const [x, left, right] = [inputs[0], ...outputs].map((value) => asFp32(value).data);
    const [bag, leftBag, rightBag] = inputs.slice(1) as BagValue[];
    eachEntry([leftBag, rightBag, bag], prefix, width(node.inputs[0]), (side, to, from, n) =>
      (side === 0 ? left : right).set(x.subarray(from, from + n), to),
    );
  },
  encode: ({ attrs: { prefix } }) => [prefix],
});

/** Calls `visit(0 for the left sequence or 1, where an entry begins there, where it begins in the joined one, n)`. */
function eachEntry(
  [left, right, joined]: readonly BagValue[],
  prefix: number,
  n: number,
  visit: (side: 0 | 1, own: number, together: number, n: number) => void,
): void {
  for (let b = 0; b + 1 < joined.offsets.length; b++) {
    const [first, end] = [joined.offsets[b], joined.offsets[b + 1]];
    const before = Math.min(prefix, right.offsets[b + 1] - right.offsets[b]);
    const count = left.offsets[b + 1] - left.offsets[b];
    const put = (side: 0 | 1, own: number, place: number): void => {
      if (first + place < end) visit(side, own * n, (first + place) * n, n);
    };
    for (let i = left.offsets[b]; i < left.offsets[b + 1]; i++) put(0, i, before + i - left.offsets[b]);
    for (let i = right.offsets[b]; i < right.offsets[b + 1]; i++) {
      const place = i - right.offsets[b];
      put(1, i, place < before ? place : count + place);
    }
  }
}
