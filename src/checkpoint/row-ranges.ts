import type { Range } from "./table-layout.js";

/** Whole rows [first, end) of a tensor, which have a checksum of their own. */
export interface RowRange extends Pick<Range, "slots" | "counts" | "columns"> {
  readonly first: number;
  readonly end: number;
}

/** Maximum bytes of a range, which has one checksum and is written and checked by one thread. */
const RANGE_BYTES = 256 << 20;

const rowsThatFit = (rowBytes: number): number =>
  Math.max(1, Math.floor(RANGE_BYTES / Math.max(1, rowBytes)));

/** Ranges with as many rows as fit, at least one. */
export function rangesOfRows(rows: number, rowBytes: number): RowRange[] {
  const most = rowsThatFit(rowBytes);
  return Array.from({ length: Math.ceil(rows / most) }, (_, i) => ({
    first: i * most,
    end: Math.min((i + 1) * most, rows),
  }));
}

/**
 * Ranges with as many whole slots as fit, at least one.
 * @param starts where the rows of each slot begin (key-order.ts)
 * @param leading rows of the tensor before those of the slots
 * @param withCounts true: each range says how many rows every slot has
 */
export function rangesOfSlots(
  starts: Float64Array,
  rowBytes: number,
  { leading = 0, withCounts = false } = {},
): RowRange[] {
  const most = rowsThatFit(rowBytes);
  const ranges: RowRange[] = [];
  const slots = starts.length - 1;
  for (let first = 0, end = 1; first < slots; first = end++) {
    while (end < slots && starts[end + 1] - starts[first] <= most) end++;
    const counts = Array.from({ length: end - first }, (_, i) => starts[first + i + 1] - starts[first + i]);
    ranges.push({
      first: leading + starts[first],
      end: leading + starts[end],
      slots: [first, end],
      ...(withCounts && { counts }),
    });
  }
  return ranges;
}
