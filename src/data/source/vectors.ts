import type { DataChunk, Vector } from "@duckdb/node-bindings";
import { duckdb } from "./binding.js";
import { LocatedTexts } from "./located-texts.js";

/**
 * Columns of a DuckDB chunk as typed arrays. The arrays are copies of the vectors' memory, made on first use; native
 * kernels read the vectors in place. Long texts are not copied: their memory lives as long as the chunk.
 */

/** One bit per row, set if the value is not null; `undefined` if no value is null. */
type Validity = Uint8Array | undefined;

abstract class VectorView {
  /** null: not read yet */
  private mask: Validity | null = null;

  /** @param owner keeps the chunk, and so the memory of its texts, alive while a view is in use */
  constructor(
    readonly owner: DataChunk,
    readonly vector: Vector,
    readonly rows: number,
  ) {}

  isNull(row: number): boolean {
    if (this.mask === null) this.mask = validityOf(this.vector, this.rows);
    return this.mask !== undefined && (this.mask[row >> 3] & (1 << (row & 7))) === 0;
  }
}

/** A DOUBLE column. */
export class NumberVector extends VectorView {
  private copy: Float64Array | undefined;

  get values(): Float64Array {
    if (this.copy) return this.copy;
    const bytes = duckdb.vector_get_data(this.vector, this.rows * 8);
    this.copy = new Float64Array(bytes.buffer, bytes.byteOffset, this.rows);
    return this.copy;
  }
}

/** Numbers that a column of texts was read as. */
export class ParsedNumbers {
  readonly values: Float64Array;
  /** Bit r % 8 of byte r / 8 is set if row r has a value. */
  readonly present: Uint8Array;

  constructor(readonly texts: TextVector) {
    this.values = new Float64Array(texts.rows);
    this.present = new Uint8Array(Math.ceil(texts.rows / 8));
  }

  get rows(): number {
    return this.texts.rows;
  }

  isNull(row: number): boolean {
    return (this.present[row >> 3] & (1 << (row & 7))) === 0;
  }

  /** @param value `undefined` if there is none */
  set(row: number, value: number | undefined): void {
    this.values[row] = value ?? 0;
    const bit = 1 << (row & 7);
    if (value === undefined) this.present[row >> 3] &= ~bit;
    else this.present[row >> 3] |= bit;
  }
}

/** A VARCHAR column. */
export class TextVector extends VectorView {
  private located: LocatedTexts | undefined;

  /** The memory of the texts. */
  get texts(): LocatedTexts {
    if (this.located) return this.located;
    const entries = duckdb.vector_get_data(this.vector, this.rows * 16);
    this.located = new LocatedTexts(entries, this.rows, (row) => this.isNull(row));
    return this.located;
  }

  text(row: number): string | null {
    if (this.isNull(row)) return null;
    const { starts, ends } = this.texts;
    return Buffer.from(this.texts.bufferOf(row).subarray(starts[row], ends[row])).toString("utf8");
  }
}

/** The view of a vector of values. */
export type ElementsOf = (
  owner: DataChunk,
  vector: Vector,
  rows: number,
) => NumberVector | ParsedNumbers | TextVector;

/** A LIST column: row r has the child rows `[starts[r], ends[r])`. */
export class ListVector extends VectorView {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly child: ReturnType<ElementsOf>;

  constructor(owner: DataChunk, vector: Vector, rows: number, childOf: ElementsOf) {
    super(owner, vector, rows);
    const bytes = duckdb.vector_get_data(vector, rows * 16);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, rows * 4);
    this.starts = new Float64Array(rows);
    this.ends = new Float64Array(rows);
    for (let r = 0; r < rows; r++) {
      if (this.isNull(r)) continue;
      this.starts[r] = words[4 * r] + words[4 * r + 1] * 2 ** 32;
      this.ends[r] = this.starts[r] + words[4 * r + 2];
    }
    this.child = childOf(owner, duckdb.list_vector_get_child(vector), duckdb.list_vector_get_size(vector));
  }
}

export type AnyVector = NumberVector | ParsedNumbers | TextVector | ListVector;

/** The values of a column: numbers, texts or lists of them. A missing value is `undefined`, in a list of texts "". */
export function vectorValues(vector: AnyVector, rows: number): unknown[] {
  const read = valueReader(vector);
  const values = new Array<unknown>(rows);
  for (let r = 0; r < rows; r++) values[r] = vector.isNull(r) ? undefined : read(r);
  return values;
}

/** The entries `{ key, value }` of a column of weighted ids. */
export function entryValues(ids: ListVector, weights: ListVector, rows: number): unknown[] {
  const values = vectorValues(weights, rows) as (unknown[] | undefined)[];
  return vectorValues(ids, rows).map((keys, r) =>
    (keys as unknown[] | undefined)?.map((key, i) => ({ key, value: values[r]![i] })),
  );
}

function valueReader(vector: AnyVector): (row: number) => unknown {
  if (vector instanceof TextVector) return (row) => vector.text(row) ?? undefined;
  if (!(vector instanceof ListVector)) return (row) => vector.values[row];
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
  // The mask has 64-bit words; without a mask every row is valid.
  return duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8) ?? undefined;
}
