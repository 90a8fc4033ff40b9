import duckdb, { type DataChunk, type Vector } from "@duckdb/node-bindings";

/**
 * Columns of a DuckDB chunk as typed arrays over DuckDB's own memory.
 */

/** One bit a row, set where the value is there; `undefined` where all are. */
type Validity = Uint8Array | undefined;

abstract class VectorView {
  /** @param owner keeps the chunk, and so the memory, from being collected while a view is in use */
  constructor(
    readonly owner: DataChunk,
    private readonly validity: Validity,
  ) {}

  isNull(row: number): boolean {
    const { validity } = this;
    return validity !== undefined && (validity[row >> 3] & (1 << (row & 7))) === 0;
  }
}

/** A DOUBLE column. */
export class NumberVector extends VectorView {
  readonly values: Float64Array;

  constructor(owner: DataChunk, vector: Vector, rows: number) {
    super(owner, validityOf(vector, rows));
    const bytes = duckdb.vector_get_data(vector, rows * 8);
    this.values = new Float64Array(bytes.buffer, bytes.byteOffset, rows);
  }
}

/** Texts of at most this many bytes lie in the vector itself. */
const inlineBytes = 12;
/** The smallest size of a memory page on every platform DuckDB runs on. */
const pageBytes = 4096;

/**
 * A VARCHAR column: the UTF-8 bytes of row r are `bufferOf(r)[starts[r] … ends[r])`.
 *
 * DuckDB's `string_t` is 16 bytes: the length (u32), then either up to 12 bytes of text, or a 4-byte prefix and a
 * pointer. Fetching every long text through its pointer costs a microsecond each; most lie side by side, so runs
 * of them are fetched at once.
 */
export class TextVector extends VectorView {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  private readonly inline: Uint8Array;
  private heap: Uint8Array = new Uint8Array(0);

  constructor(owner: DataChunk, vector: Vector, rows: number) {
    super(owner, validityOf(vector, rows));
    this.inline = duckdb.vector_get_data(vector, rows * 16);
    const words = new Uint32Array(this.inline.buffer, this.inline.byteOffset, rows * 4);
    this.starts = new Int32Array(rows);
    this.ends = new Int32Array(rows);
    let long = 0;
    for (let r = 0; r < rows; r++) {
      if (this.isNull(r)) continue;
      const length = words[4 * r];
      this.starts[r] = 16 * r + 4;
      this.ends[r] = 16 * r + 4 + length;
      if (length > inlineBytes) long++;
    }
    if (long > 0) this.fetchLong(words, rows);
  }

  bufferOf(row: number): Uint8Array {
    return this.ends[row] - this.starts[row] > inlineBytes ? this.heap : this.inline;
  }

  text(row: number): string | null {
    if (this.isNull(row)) return null;
    return Buffer.from(this.bufferOf(row).subarray(this.starts[row], this.ends[row])).toString("utf8");
  }

  /**
   * Copies the long texts into `heap`, a run of neighbours at a time. Two texts less than a page apart make one
   * run: every byte between them then lies in a page that holds a part of one or the other, hence in mapped memory.
   */
  private fetchLong(words: Uint32Array, rows: number): void {
    const runs: { pointer: number; bytes: number; at: number }[] = [];
    let total = 0;
    let reach = 0;
    for (let r = 0; r < rows; r++) {
      const length = this.ends[r] - this.starts[r];
      if (length <= inlineBytes) continue;
      const pointer = words[4 * r + 2] + words[4 * r + 3] * 2 ** 32;
      let run = runs.at(-1);
      if (!run || pointer < run.pointer || pointer - reach >= pageBytes) {
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

/** A LIST column: row r holds the child's rows `[starts[r], ends[r])`. */
export class ListVector extends VectorView {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly child: NumberVector | TextVector;

  constructor(owner: DataChunk, vector: Vector, rows: number, child: "text" | "number") {
    super(owner, validityOf(vector, rows));
    const bytes = duckdb.vector_get_data(vector, rows * 16);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, rows * 4);
    this.starts = new Float64Array(rows);
    this.ends = new Float64Array(rows);
    for (let r = 0; r < rows; r++) {
      if (this.isNull(r)) continue;
      this.starts[r] = words[4 * r] + words[4 * r + 1] * 2 ** 32;
      this.ends[r] = this.starts[r] + words[4 * r + 2];
    }
    const size = duckdb.list_vector_get_size(vector);
    const childVector = duckdb.list_vector_get_child(vector);
    const View = child === "text" ? TextVector : NumberVector;
    this.child = new View(owner, childVector, size);
  }
}

/** A column's values: numbers, texts or lists of them; `undefined` where missing, in a list of texts empty. */
export function vectorValues(vector: NumberVector | TextVector | ListVector, rows: number): unknown[] {
  const read = valueReader(vector);
  return Array.from({ length: rows }, (_, r) => (vector.isNull(r) ? undefined : read(r)));
}

function valueReader(vector: NumberVector | TextVector | ListVector): (row: number) => unknown {
  if (vector instanceof TextVector) return (row) => vector.text(row) ?? undefined;
  if (vector instanceof NumberVector) return (row) => vector.values[row];
  const { child, starts, ends } = vector;
  const element = valueReader(child);
  return (row) =>
    Array.from({ length: ends[row] - starts[row] }, (_, i) => {
      const at = starts[row] + i;
      return child.isNull(at) ? null : element(at);
    });
}

/** All rows of a chunk of VARCHAR columns. */
export function textRows(chunk: DataChunk): (string | null)[][] {
  const rows = duckdb.data_chunk_get_size(chunk);
  const columns = Array.from(
    { length: duckdb.data_chunk_get_column_count(chunk) },
    (_, i) => new TextVector(chunk, duckdb.data_chunk_get_vector(chunk, i), rows),
  );
  return Array.from({ length: rows }, (_, r) => columns.map((column) => column.text(r)));
}

function validityOf(vector: Vector, rows: number): Validity {
  // The mask is made of 64-bit words; no mask at all means that every row is valid.
  return duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8) ?? undefined;
}

function bytesAt(pointer: number, bytes: number): Uint8Array {
  const words = new Uint32Array([pointer % 2 ** 32, Math.floor(pointer / 2 ** 32)]);
  return duckdb.get_data_from_pointer(words.buffer, 0, bytes);
}
