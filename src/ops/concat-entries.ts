import { asFp32, type BagValue, defineOp, type Op } from "../graph/op.js";
import { type TensorType, width } from "../graph/tensor.js";
import { scale } from "./arithmetic.js";
import { checkShapes, isSequenceBag } from "./check.js";
import { once } from "./cost.js";
import { isOfBag } from "./segment-sum.js";

/*
 * Two sequences of the same rows and one with the entries of both: in each row those of the left one, then those of the right one.
 * The bag of the joined sequence says how many entries its rows have. Each of the two operations is the gradient of the other.
 */

/** Joins entries: left [L, D], its bag [B], right [M, D], its bag [B] and the bag of the joined sequence [B] -> [L + M, D]. */
export const concatEntries: Op = defineOp({
  kind: "concatEntries",
  opcode: 179,
  execution: "rowwise",
  entries: "segments",
  operands: "left:entries[n] bag right:entries[n] bag bag -> out:entries[n]",
  meaning: "in each row the entries of left, then those of right; zeros for entries of out beyond these",
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
  gradient: ({ inputs: [, leftBag, , rightBag, bag], outputGradients: [dy], apply }) => {
    if (!dy) return [];
    const [left, right] = apply(splitEntries, [dy, bag, leftBag, rightBag], {});
    return [left, undefined, right, undefined, undefined];
  },
  reference({ node, inputs, outputs }) {
    const [left, right, out] = [inputs[0], inputs[2], outputs[0]].map((value) => asFp32(value).data);
    const bags = [inputs[1], inputs[3], inputs[4]] as BagValue[];
    eachEntry(bags, width(node.inputs[0]), (side, from, to, n) =>
      out.set((side === 0 ? left : right).subarray(from, from + n), to),
    );
  },
});

/** Takes joined entries apart: x [L + M, D], its bag [B], the bags of the left and right sequence [B] -> [L, D], [M, D]. */
export const splitEntries: Op = defineOp({
  kind: "splitEntries",
  opcode: 180,
  execution: "rowwise",
  entries: "segments",
  operands: "x:entries[n] bag bag bag -> left:entries[n] right:entries[n]",
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
  gradient: ({ inputs: [, bag, leftBag, rightBag], outputs, outputGradients, apply }) => {
    const [left, right] = outputGradients.map((dy, i) => dy ?? apply(scale, [outputs[i]], { factor: 0 })[0]);
    return [apply(concatEntries, [left, leftBag, right, rightBag, bag], {})[0]];
  },
  reference({ node, inputs, outputs }) {
    const [x, left, right] = [inputs[0], ...outputs].map((value) => asFp32(value).data);
    const [bag, leftBag, rightBag] = inputs.slice(1) as BagValue[];
    eachEntry([leftBag, rightBag, bag], width(node.inputs[0]), (side, to, from, n) =>
      (side === 0 ? left : right).set(x.subarray(from, from + n), to),
    );
  },
});

/** Calls `visit(0 for the left sequence or 1, where an entry begins there, where it begins in the joined one, n)`. */
function eachEntry(
  [left, right, joined]: readonly BagValue[],
  n: number,
  visit: (side: 0 | 1, own: number, together: number, n: number) => void,
): void {
  for (let b = 0; b + 1 < joined.offsets.length; b++) {
    let to = joined.offsets[b];
    for (const [side, { offsets }] of [
      [0, left],
      [1, right],
    ] as const)
      for (let i = offsets[b]; i < offsets[b + 1] && to < joined.offsets[b + 1]; i++)
        visit(side, i * n, to++ * n, n);
  }
}
