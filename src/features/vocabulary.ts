import { murmur3 } from "../murmur3.js";

/**
 * Maps text to row numbers. Keys are UTF-8 bytes: a lookup reads them in place (in a DuckDB vector or a scratch buffer)
 * without creating a JavaScript string. Open addressing, at most half full, every hit verified.
 */
export class ByteVocabulary {
  /**
   * Per slot: the hash of its value, and the value's row + 1. Empty slots are 0, 0. The number of slots is a power of
   * two.
   */
  readonly slots: Uint32Array;
  /** The start of each value in `bytes`, then the end of the last. */
  readonly starts: Float64Array;
  readonly bytes: Uint8Array;
  private readonly mask: number;

  /** @param values distinct texts; `values[row]` gets row `row` */
  constructor(values: readonly string[]) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(values.length * 2, 2)));
    this.mask = capacity - 1;
    this.slots = new Uint32Array(2 * capacity);
    this.starts = new Float64Array(values.length + 1);
    values.forEach((value, row) => {
      this.starts[row + 1] = this.starts[row] + Buffer.byteLength(value, "utf8");
    });
    const bytes = Buffer.allocUnsafe(this.starts[values.length]);
    this.bytes = bytes;
    values.forEach((value, row) => {
      bytes.write(value, this.starts[row], "utf8");
      this.insert(row, murmur3(bytes, this.starts[row], this.starts[row + 1]));
    });
  }

  /** The row of the text `[start, end)` of `bytes`, or -1. */
  lookup(bytes: Uint8Array, start: number, end: number): number {
    const hash = murmur3(bytes, start, end);
    for (let slot = hash & this.mask; ; slot = (slot + 1) & this.mask) {
      const row = this.slots[2 * slot + 1] - 1;
      if (row < 0 || (this.slots[2 * slot] === hash && this.equals(row, bytes, start, end))) return row;
    }
  }

  private insert(row: number, hash: number): void {
    let slot = hash & this.mask;
    while (this.slots[2 * slot + 1] !== 0) slot = (slot + 1) & this.mask;
    this.slots[2 * slot] = hash;
    this.slots[2 * slot + 1] = row + 1;
  }

  private equals(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.starts[row];
    if (this.starts[row + 1] - from !== end - start) return false;
    for (let i = start, j = from; i < end; i++, j++) if (bytes[i] !== this.bytes[j]) return false;
    return true;
  }
}
