/** Distinct values, ascending, and how often each occurs. */
export interface SortedCounts {
  readonly values: Float32Array;
  readonly counts: Float64Array;
}

/** The largest finite 32-bit float. */
const LARGEST = 3.4028234663852886e38;
const SMALLEST_BUFFER = 256;

/**
 * Counts finite numbers as 32-bit floats. Memory grows with the number of distinct values; the time is n log n. The result
 * does not depend on the order of the numbers.
 */
export class ValueCounts {
  private counted: SortedCounts = { values: new Float32Array(0), counts: new Float64Array(0) };
  private buffer = new Float32Array(SMALLEST_BUFFER);
  private used = 0;

  add(x: number): void {
    if (!Number.isFinite(x)) return;
    if (this.used === this.buffer.length) this.count();
    // The sum makes 0 of -0.
    this.buffer[this.used++] = Math.fround(Math.min(Math.max(x, -LARGEST), LARGEST)) + 0;
  }

  sorted(): SortedCounts {
    this.count();
    return this.counted;
  }

  /** Moves the buffer to the counts, and makes it as long as they are, so that merging costs little per number. */
  private count(): void {
    const values = this.buffer.subarray(0, this.used).sort();
    this.counted = merge(this.counted, { values, counts: new Float64Array(this.used).fill(1) });
    this.used = 0;
    if (this.counted.values.length > this.buffer.length)
      this.buffer = new Float32Array(this.counted.values.length);
  }
}

/** The counts of the values of a function; values that are not finite are left out. */
export function mapCounts({ values, counts }: SortedCounts, apply: (x: number) => number): SortedCounts {
  const pairs = Array.from(values, (x, j) => [Math.fround(apply(x)), counts[j]] as const)
    .filter(([x]) => Number.isFinite(x))
    .sort(([a], [b]) => a - b);
  const [mapped, times] = [0, 1].map((k) => pairs.map((pair) => pair[k]));
  const none = { values: new Float32Array(0), counts: new Float64Array(0) };
  return merge({ values: Float32Array.from(mapped), counts: Float64Array.from(times) }, none);
}

/** Merges two ascending lists, and adds the counts of equal values, also of those in one list. */
function merge(a: SortedCounts, b: SortedCounts): SortedCounts {
  const most = a.values.length + b.values.length;
  const values = new Float32Array(most);
  const counts = new Float64Array(most);
  let length = 0;
  let [i, j] = [0, 0];
  while (i + j < most) {
    const fromA = j === b.values.length || (i < a.values.length && a.values[i] <= b.values[j]);
    const [value, count] = fromA ? [a.values[i], a.counts[i++]] : [b.values[j], b.counts[j++]];
    if (length === 0 || values[length - 1] !== value) values[length++] = value;
    counts[length - 1] += count;
  }
  return { values: values.slice(0, length), counts: counts.slice(0, length) };
}
