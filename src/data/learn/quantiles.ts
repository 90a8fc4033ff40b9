import type { SortedCounts } from "./value-counts.js";

/**
 * Boundaries of up to `ranges` ranges with about equally many values each. A cut into `parts` has a boundary at every
 * value that stands at rank floor(i n / parts) of all n values, i = 1 … parts - 1, without the least value. With
 * `parts = ranges` these are quantiles; a frequent value stands at many of the ranks, so the finest cut is taken that
 * does not give more ranges.
 */
export function quantileBoundaries(sorted: SortedCounts, ranges: number): number[] {
  const { values, counts } = sorted;
  if (values.length <= ranges) return [...values.subarray(1)];
  const below = sumsBefore(counts);
  let parts = ranges;
  let tooMany = below[values.length];
  while (tooMany - parts > 1) {
    const middle = Math.floor((parts + tooMany) / 2);
    if (boundariesAt(values, below, middle).length < ranges) parts = middle;
    else tooMany = middle;
  }
  return boundariesAt(values, below, parts);
}

/** One over the width of a bin is a finite 32-bit float. */
const NARROWEST = 1e-37;

/** The ends of up to `bins` bins from the least to the greatest value, with about equally many values each. */
export function quantileEdges(sorted: SortedCounts, bins: number): number[] {
  const { values } = sorted;
  const [least, greatest] = [values[0], values[values.length - 1]];
  if (greatest - least <= NARROWEST) return [least, least + Math.max(1, Math.abs(least))];
  const ends = [...quantileBoundaries(sorted, bins), greatest];
  const edges = [least];
  for (const end of ends) if (end - edges[edges.length - 1] > NARROWEST) edges.push(end);
  return edges;
}

/** Entry j is the number of values before the j-th distinct one; the last entry is the number of all. */
function sumsBefore(counts: Float64Array): Float64Array {
  const below = new Float64Array(counts.length + 1);
  counts.forEach((count, j) => {
    below[j + 1] = below[j] + count;
  });
  return below;
}

/** The distinct values j > 0 for which a rank floor(i n / parts) is in [below[j], below[j + 1]). */
function boundariesAt(values: Float32Array, below: Float64Array, parts: number): number[] {
  const ranksBefore = (j: number) => Math.ceil((below[j] * parts) / below[values.length]);
  const boundaries: number[] = [];
  for (let j = 1; j < values.length; j++) if (ranksBefore(j) < ranksBefore(j + 1)) boundaries.push(values[j]);
  return boundaries;
}
