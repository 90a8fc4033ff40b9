import { join } from "node:path";
import { type OpenedFile, openToRead } from "./disk.js";
import { bytesOf, DTYPE_BYTES } from "./dtypes.js";
import { readFully } from "./file-bytes.js";
import {
  bytesOfPart,
  keysIn,
  type Range,
  rowsOfRanges,
  rowsOfSlots,
  type Table,
  type TableNumbers,
} from "./table-layout.js";

/** The rows that one checkpoint has of its tables, stored as ranges in one or several files. */
export class TableReader {
  private readonly files = new Map<string, Promise<OpenedFile>>();

  constructor(private readonly dir: string) {}

  /**
   * Copies bytes of rows to `into`, beginning at byte `from`: in row order for a table of fixed size, otherwise as the rows
   * are stored.
   */
  readBytes(table: Table, numbers: TableNumbers, into: Uint8Array, from: number): Promise<void> {
    return inSlots(table) ? this.readSlots(table, numbers, into, from) : this.readStored(numbers, into, from);
  }

  /** Copies bytes of rows, as they are stored. */
  readStored(numbers: TableNumbers, into: Uint8Array, from: number): Promise<void> {
    return this.readRows(numbers, into, from);
  }

  /** The keys of these ranges. */
  async readKeys(ranges: readonly Range[]): Promise<BigUint64Array> {
    const keys = new BigUint64Array(keysIn(ranges));
    await this.readRows({ ranges, dim: 1, dtype: "U64" }, bytesOf(keys), 0);
    return keys;
  }

  /** The position of all rows, if they follow each other in one file. */
  locate(table: Table, { ranges }: TableNumbers) {
    const [first, ...others] = ranges;
    if (inSlots(table) || first === undefined || first.columns) return undefined;
    let end = first.offset + first.bytes;
    for (const { file, offset, bytes } of others) {
      if (file !== first.file || offset !== end) return undefined;
      end += bytes;
    }
    return { path: join(this.dir, first.file), offset: first.offset };
  }

  async close(): Promise<void> {
    const notOpened = () => undefined; // the reader of the file was told
    for (const file of this.files.values()) await (await file.catch(notOpened))?.close();
  }

  /** Copies bytes of ranges that follow each other, beginning at byte `from`. */
  private async readRows(numbers: Stored, into: Uint8Array, from: number): Promise<void> {
    let start = 0;
    for (const together of rowsOfRanges(numbers.ranges)) {
      const bytes = together.reduce((sum, range) => sum + range.bytes, 0);
      const [begin, end] = [Math.max(from, start), Math.min(from + into.length, start + bytes)];
      if (begin < end)
        await this.readTogether(together, numbers, into.subarray(begin - from, end - from), begin - start);
      start += bytes;
    }
  }

  /** The same from ranges that have the same rows: puts the parts of each row together. */
  private async readTogether(
    together: readonly Range[],
    numbers: Stored,
    into: Uint8Array,
    from: number,
  ): Promise<void> {
    const [{ file, offset }] = together;
    if (together.length === 1) return this.readFile(file, into, offset + from);
    const size = DTYPE_BYTES[numbers.dtype];
    const rowBytes = numbers.dim * size;
    const first = Math.floor(from / rowBytes);
    const count = Math.ceil((from + into.length) / rowBytes) - first;
    const rows = new Uint8Array(count * rowBytes);
    for (const range of together) {
      const width = bytesOfPart(range, numbers);
      const parts = new Uint8Array(count * width);
      await this.readFile(range.file, parts, range.offset + first * width);
      const at = range.columns![0] * size;
      for (let row = 0; row < count; row++)
        rows.set(parts.subarray(row * width, (row + 1) * width), row * rowBytes + at);
    }
    into.set(rows.subarray(from - first * rowBytes).subarray(0, into.length));
  }

  /** The same for rows of fixed number in the order of slots: reads the rows of each slot at once, then moves them to their positions. */
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
      await this.readTogether(place.together, numbers, rows, place.from);
      for (let i = 0; i < place.count; i++) {
        const at = (place.row + i * table.slots) * rowBytes - from;
        const row = rows.subarray(i * rowBytes, (i + 1) * rowBytes);
        if (at >= 0 && at + rowBytes <= into.length) into.set(row, at);
        else into.set(row.subarray(Math.max(0, -at), into.length - at), Math.max(0, at));
      }
    }
  }

  private async readFile(name: string, into: Uint8Array, position: number): Promise<void> {
    const path = join(this.dir, name);
    if (!this.files.has(name)) this.files.set(name, openToRead(path));
    await readFully(await this.files.get(name)!, into, position, path);
  }
}

/** Row r of the table is not the row r that is stored. */
export const inSlots = ({ order, keys }: Table): boolean => order === "slots" && keys === undefined;

/** Where numbers of rows are. */
type Stored = Pick<TableNumbers, "dim" | "dtype"> & { readonly ranges: readonly Range[] };

interface SlotRows {
  /** The ranges that have them, and where they begin there. */
  readonly together: readonly Range[];
  readonly from: number;
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
  for (const together of rowsOfRanges(numbers.ranges)) {
    const [from, to] = together[0].slots!;
    for (let slot = from; slot < to; slot++) {
      const row = first + ((slot - (first % slots) + slots) % slots);
      if (row >= end) continue;
      const before = rowsOfSlots(rows!, slots, from, slot) + Math.floor(row / slots);
      yield { together, from: before * rowBytes, row, count: Math.ceil((end - row) / slots) };
    }
  }
}
