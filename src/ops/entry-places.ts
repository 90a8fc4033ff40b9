import { asFp32, type BagValue, defineOp } from "../graph/op.js";
import { checkShapes, isSequenceBag } from "./check.js";
import { sizeOf } from "./cost.js";

/* What an entry's place in its row says. Places are counted from 0, from the first entry of the row or from the last. */

/** The end of a row from which places are counted. */
export type From = "first" | "last";

export const FROM_LAST: Readonly<Record<From, number>> = { first: 0, last: 1 };

export interface WindowAttrs {
  readonly from: From;
  /** Entries before the window. */
  readonly skip: number;
  /** Entries of the window. */
  readonly count: number;
}

/**
 * The share of each entry in the mean of a window of its row: bag [B] -> out [L, 1], `1 / n` for the n entries of the row
 * whose places are in `[skip, skip + count)`, 0 for the others.
 */
export const windowShares = defineOp<WindowAttrs>({
  kind: "windowShares",
  opcode: 166,
  execution: "rowwise",
  entries: "chunks",
  operands: "bag:samples -> out:entry[1]",
  attributes: "fromLast:flag skip:count count",
  meaning:
    "`1 / n` for the n entries of a row from place `skip` on, at most `count`, 0 for the others; places are counted from the last entry if `fromLast`",
  cost: ({ shapes: [bag, out] }) => ({ flops: sizeOf(out), elements: [sizeOf(bag), sizeOf(out)] }),
  infer([bag], { skip, count }) {
    const ok = isSequenceBag(bag) && skip >= 0 && count > 0;
    checkShapes(ok, "windowShares", "a bag of a sequence's ids [B], a window of at least one entry", [bag]);
    return [{ dtype: "fp32", shape: [bag.entries!, 1] }];
  },
  reference({ inputs, outputs, attrs: { from, skip, count } }) {
    const { data } = asFp32(outputs[0]);
    forEntries(inputs[0] as BagValue, from, (i, place, length) => {
      const entries = Math.min(length - skip, count);
      data[i] = place >= skip && place < skip + count ? 1 / entries : 0;
    });
  },
  encode: ({ attrs: { from, skip, count } }) => [FROM_LAST[from], skip, count],
});

/**
 * Sinusoids of each entry's place p: bag [B] -> out [L, columns], `sin(p / 10000^(2i / columns))` in column 2i and the
 * cosine of the same in column 2i + 1.
 * Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.5.
 */
export const placeSinusoids = defineOp<{ from: From; columns: number }>({
  kind: "placeSinusoids",
  opcode: 167,
  execution: "rowwise",
  entries: "chunks",
  operands: "bag:samples -> out:entry[n]",
  attributes: "fromLast:flag",
  meaning:
    "`sin(p / 10000^(2i / n))` in column 2i, its cosine in column 2i + 1, of the place p of each entry, counted from the last one if `fromLast`",
  cost: ({ shapes: [bag, out] }) => ({ flops: 2 * sizeOf(out), elements: [sizeOf(bag), sizeOf(out)] }),
  infer([bag], { columns }) {
    checkShapes(isSequenceBag(bag), "placeSinusoids", "a bag of a sequence's ids [B]", [bag]);
    return [{ dtype: "fp32", shape: [bag.entries!, columns] }];
  },
  reference({ inputs, outputs, attrs: { from, columns } }) {
    const { data } = asFp32(outputs[0]);
    forEntries(inputs[0] as BagValue, from, (i, place) => {
      for (let c = 0; c < columns; c++) {
        const angle = place / 10_000 ** ((c - (c % 2)) / columns);
        data[i * columns + c] = c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
      }
    });
  },
  encode: ({ attrs: { from } }) => [FROM_LAST[from]],
});

/** Calls `visit(entry, its place, entries of its row)`. */
function forEntries(
  { offsets }: BagValue,
  from: From,
  visit: (entry: number, place: number, length: number) => void,
): void {
  for (let b = 0; b + 1 < offsets.length; b++) {
    const length = offsets[b + 1] - offsets[b];
    for (let k = 0; k < length; k++) visit(offsets[b] + k, from === "first" ? k : length - 1 - k, length);
  }
}
