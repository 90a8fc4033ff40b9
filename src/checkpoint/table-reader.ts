import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { openToRead } from "./disk.js";
import { DTYPE_BYTES, type TensorArray } from "./dtypes.js";
import { arrayFor, checkRange, PIECE, readElements, readFully } from "./file-bytes.js";
import { rowsOfSlots, type Table, type TableNumbers } from "./table-layout.js";
import { noSuchTensor, type Tensors } from "./tensors.js";

/** Tables stored as ranges in one or several files, read as tensors [rows, dim] in row order. */
export class TableReader implements Tensors {
  readonly tensors: Tensors["tensors"];
  private readonly files = new Map<string, Promise<FileHandle>>();

  /** @param all weights or states, each with its table */
  constructor(
    private readonly dir: string,
    private readonly all: ReadonlyMap<string, { readonly table: Table; readonly numbers: TableNumbers }>,
  ) {
    this.tensors = new Map(
      [...all].map(([name, { table, numbers }]) => [
        name,
        { dtype: numbers.dtype, shape: [table.rows!, numbers.dim] },
      ]),
    );
  }

  async read(name: string): Promise<TensorArray> {
    const { table, numbers } = this.having(name);
    const destination = arrayFor(numbers.dtype, table.rows! * numbers.dim, `${this.dir}: ${name}`);
    await this.readInto(name, destination);
    return destination;
  }

  async readInto(name: string, destination: TensorArray, from = 0): Promise<void> {
    const { table, numbers } = this.having(name);
    const where = `${this.dir}: ${name}`;
    checkRange(where, from, destination.length, table.rows! * numbers.dim);
    const start = from * DTYPE_BYTES[numbers.dtype];
    const readBytes = (into: Uint8Array, at: number) =>
      table.order === "rows"
        ? this.readRows(numbers, into, start + at)
        : this.readSlots(table, numbers, into, start + at);
    await readElements(readBytes, numbers.dtype, destination, where);
  }

  /** Consecutive rows are spread over all slots, so chunks are large enough to make each read worthwhile. */
  pieceOf(name: string): number {
    return this.having(name).table.order === "rows" ? PIECE : 16 * PIECE;
  }

  locate(name: string) {
    const { table, numbers } = this.having(name);
    const [first, ...others] = numbers.ranges;
    if (table.order !== "rows" || first === undefined) return undefined;
    let end = first.offset + first.bytes;
    for (const { file, offset, bytes } of others) {
      if (file !== first.file || offset !== end) return undefined;
      end += bytes;
    }
    return { path: join(this.dir, first.file), offset: first.offset };
  }

  async close(): Promise<void> {
    for (const file of this.files.values()) await (await file).close();
  }

  private having(name: string) {
    const found = this.all.get(name);
    if (found) return found;
    throw noSuchTensor(name, this.tensors, this.dir);
  }

  /** Copies bytes of a table with ascending rows, beginning at byte `from`. */
  private async readRows({ ranges }: TableNumbers, into: Uint8Array, from: number): Promise<void> {
    let start = 0;
    for (const { file, offset, bytes } of ranges) {
      const [begin, end] = [Math.max(from, start), Math.min(from + into.length, start + bytes)];
      if (begin < end)
        await this.readBytes(file, into.subarray(begin - from, end - from), offset + begin - start);
      start += bytes;
    }
  }

  /** The same for tables in slot order: reads the rows of each slot at once, then moves them to their positions. */
  private async readSlots(
    table: Table,
    numbers: TableNumbers,
    into: Uint8Array,
    from: number,
  ): Promise<void> {
    const rowBytes = numbers.dim * DTYPE_BYTES[numbers.dtype];
    const first = Math.floor(from / rowBytes);
    const end = Math.ceil((from + into.length) / rowBytes);
    for (const place of slotsOf(table, numbers, first, end)) {
      const rows = new Uint8Array(place.count * rowBytes);
      await this.readBytes(place.file, rows, place.offset);
      for (let i = 0; i < place.count; i++) {
        const at = (place.row + i * table.slots) * rowBytes - from;
        const row = rows.subarray(i * rowBytes, (i + 1) * rowBytes);
        if (at >= 0 && at + rowBytes <= into.length) into.set(row, at);
        else into.set(row.subarray(Math.max(0, -at), into.length - at), Math.max(0, at));
      }
    }
  }

  private async readBytes(name: string, into: Uint8Array, position: number): Promise<void> {
    const path = join(this.dir, name);
    if (!this.files.has(name)) this.files.set(name, openToRead(path));
    await readFully(await this.files.get(name)!, into, position, path);
  }
}

interface SlotRows {
  readonly file: string;
  readonly offset: number;
  /** The first row; each later row is `slots` further. */
  readonly row: number;
  readonly count: number;
}

/** The positions of rows [first, end), slot by slot. */
function* slotsOf(
  { rows, slots }: Table,
  numbers: TableNumbers,
  first: number,
  end: number,
): Generator<SlotRows> {
  const rowBytes = numbers.dim * DTYPE_BYTES[numbers.dtype];
  for (const { file, offset, slots: range } of numbers.ranges) {
    const [from, to] = range!;
    for (let slot = from; slot < to; slot++) {
      const row = first + ((slot - (first % slots) + slots) % slots);
      if (row >= end) continue;
      const before = rowsOfSlots(rows!, slots, from, slot) + Math.floor(row / slots);
      yield { file, offset: offset + before * rowBytes, row, count: Math.ceil((end - row) / slots) };
    }
  }
}
