import { duckdb } from "./binding.js";

/** Texts of at most this many bytes are stored in the vector itself. */
const INLINE_BYTES = 12;
/** The smallest size of a memory page on every platform DuckDB runs on. */
const PAGE_BYTES = 4096;

/**
 * The texts of a VARCHAR vector: the UTF-8 bytes of row r are `bufferOf(r)[starts[r] … ends[r])`, empty for
 * null.
 *
 * DuckDB's `string_t` is 16 bytes: the length (u32), then either up to 12 bytes of text, or a 4-byte prefix and a
 * pointer. Fetching one long text through its pointer costs a microsecond. Most are adjacent in memory, so runs of them are
 * fetched together.
 */
export class LocatedTexts {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  private heap: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly entries: Uint8Array,
    rows: number,
    isNull: (row: number) => boolean,
  ) {
    const words = new Uint32Array(entries.buffer, entries.byteOffset, rows * 4);
    this.starts = new Int32Array(rows);
    this.ends = new Int32Array(rows);
    let long = 0;
    for (let r = 0; r < rows; r++) {
      if (isNull(r)) continue;
      const length = words[4 * r];
      this.starts[r] = 16 * r + 4;
      this.ends[r] = 16 * r + 4 + length;
      if (length > INLINE_BYTES) long++;
    }
    if (long > 0) this.fetchLong(words, rows);
  }

  bufferOf(row: number): Uint8Array {
    return this.ends[row] - this.starts[row] > INLINE_BYTES ? this.heap : this.entries;
  }

  /**
   * Copies the long texts into `heap`, one run of neighbours at a time. Two texts less than a page apart belong to one
   * run: every byte between them is in a page that contains a part of one of them, and so in mapped memory.
   */
  private fetchLong(words: Uint32Array, rows: number): void {
    const runs: { pointer: number; bytes: number; at: number }[] = [];
    let total = 0;
    let reach = 0;
    for (let r = 0; r < rows; r++) {
      const length = this.ends[r] - this.starts[r];
      if (length <= INLINE_BYTES) continue;
      const pointer = words[4 * r + 2] + words[4 * r + 3] * 2 ** 32;
      let run = runs.at(-1);
      if (!run || pointer < run.pointer || pointer - reach >= PAGE_BYTES) {
        if (run) total += run.bytes;
        run = { pointer, bytes: 0, at: total };
        runs.push(run);
        reach = pointer;
      }
      reach = Math.max(reach, pointer + length);
      run.bytes = reach - run.pointer;
      this.starts[r] = run.at + pointer - run.pointer;
      this.ends[r] = this.starts[r] + length;
    }
    this.heap = new Uint8Array(total + (runs.at(-1)?.bytes ?? 0));
    for (const { pointer, bytes, at } of runs) this.heap.set(bytesAt(pointer, bytes), at);
  }
}

function bytesAt(pointer: number, bytes: number): Uint8Array {
  const words = new Uint32Array([pointer % 2 ** 32, Math.floor(pointer / 2 ** 32)]);
  return duckdb.get_data_from_pointer(words.buffer, 0, bytes);
}
