import { CheckpointError } from "../errors.js";
import {
  bytesOfPart,
  isSparse,
  keysIn,
  type Range,
  rangesOf,
  rowsOf,
  rowsOfRanges,
  rowsOfSlots,
  type Table,
  type TableNumbers,
} from "./table-layout.js";

type Files = Readonly<Record<string, { readonly bytes: number }>>;

/**
 * Checks that ranges lie within their files without overlap, and that tables have every row exactly once.
 * @param isDelta the checkpoint has only changes
 * @throws CheckpointError naming the table
 */
export function checkTables(tables: readonly Table[], files: Files, isDelta: boolean, where: string): void {
  checkWithinFiles(tables.flatMap(rangesOf), files, where);
  const names = new Set(tables.map(({ name }) => name));
  if (names.size < tables.length) throw malformed(where, "a table twice", "every table once");
  for (const table of tables) {
    const at = `${where}: ${table.name}`;
    checkKeys(table, isDelta, at);
    const expected = rowsOf(table);
    const { name, keys = [] } = table;
    const own: TableNumbers[] = keys.length > 0 ? [{ name, dim: 1, dtype: "U64", ranges: keys }] : [];
    const counts = keys.flatMap((range) => range.counts ?? []);
    for (const numbers of [...own, table, ...table.states])
      checkRows({ ...table, counts }, numbers, expected, `${where}: ${numbers.name}`);
  }
}

function checkWithinFiles(ranges: readonly Range[], files: Files, where: string): void {
  const ends = new Map<string, number>();
  // A table without keys has an empty range where the next tensor begins.
  const inOrder = [...ranges].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  for (const { file, offset, bytes } of inOrder) {
    const size = files[file]?.bytes ?? 0;
    if (offset + bytes > size) throw malformed(where, `${file} at ${offset}`, `within its ${size} bytes`);
    const end = ends.get(file) ?? 0;
    if (offset < end) throw malformed(where, `${file} at ${offset}`, `no overlap with the range before it`);
    ends.set(file, offset + bytes);
  }
}

/** Whether there are keys where there must be, with the rows of each slot. */
function checkKeys(table: Table, isDelta: boolean, where: string): void {
  const { keys, deleted, capacity, order, states } = table;
  if (!keys !== (capacity === undefined && !isSparse(table) && !isDelta))
    throw malformed(where, keys ? "keys" : "no keys", keys ? "none in a table with all its rows" : "keys");
  if (deleted && !isDelta) throw malformed(where, "deleted keys", "none in a complete checkpoint");
  if (capacity === undefined && [table, ...states].some(({ unknown }) => unknown))
    throw malformed(where, "a row for keys that have none", "only in a table with keys");
  if (!keys) return;
  if (!Number.isInteger(keysIn(keys)) || !Number.isInteger(keysIn(deleted ?? [])))
    throw malformed(where, "part of a key", "keys of 8 bytes");
  if (keysIn(keys) > (capacity ?? table.rows!))
    throw malformed(where, `${keysIn(keys)} keys`, `at most ${capacity ?? table.rows}`);
  if (order === "slots") checkCounts(keys, where);
}

/** Every range of keys says how many rows each of its slots has. */
function checkCounts(keys: readonly Range[], where: string): void {
  for (const { bytes, slots = [0, 0], counts = [] } of keys) {
    const sum = counts.reduce((total, rows) => total + rows, 0);
    if (counts.length === slots[1] - slots[0] && sum === keysIn([{ bytes } as Range])) continue;
    throw malformed(
      where,
      `counts of ${counts.length} slots and ${sum} rows`,
      `those of its slots and bytes`,
    );
  }
}

/** A table with the rows of each of its slots, where it has keys. */
interface CountedTable extends Table {
  readonly counts: readonly number[];
}

function checkRows(table: CountedTable, numbers: TableNumbers, expected: number, where: string): void {
  const rowsOfRange = table.order === "slots" ? slotCounter(table, where) : undefined;
  let row = 0;
  for (const together of rowsOfRanges(numbers.ranges)) {
    checkColumns(together, numbers, where);
    const sizes = together.map((range) => bytesOfPart(range, numbers));
    const count = rowsOfRange ? rowsOfRange(together[0]) : together[0].bytes / sizes[0];
    for (const [i, { bytes }] of together.entries())
      if (bytes !== count * sizes[i] || !Number.isInteger(count))
        throw malformed(where, `${bytes} bytes`, `whole rows of ${sizes[i]} bytes`);
    row += count;
  }
  if (row !== expected) throw malformed(where, `ranges of ${row} rows`, `${expected} rows`);
}

/** Ranges of the same rows have every column once. */
function checkColumns(together: readonly Range[], { dim }: TableNumbers, where: string): void {
  let column = 0;
  for (const { slots, columns: [begin, end] = [0, dim] } of together) {
    if (begin !== column || end <= begin || slots?.join() !== together[0].slots?.join())
      throw malformed(where, `columns ${begin} to ${end}`, `columns from ${column} on, of the same slots`);
    column = end;
  }
  if (column !== dim) throw malformed(where, `${column} columns`, `${dim} columns`);
}

/** The rows of ranges that follow each other in the order of slots. */
function slotCounter({ rows, slots, keys, counts }: CountedTable, where: string): (range: Range) => number {
  if (keys && counts.length !== slots) throw malformed(where, `${counts.length} slots`, `${slots} slots`);
  let slot = 0;
  return ({ slots: [first, end] = [-1, -1] }) => {
    if (first !== slot || end < first || end > slots)
      throw malformed(where, `slots ${first} to ${end}`, `slots from ${slot} on`);
    slot = end;
    if (!keys) return rowsOfSlots(rows!, slots, first, end);
    return counts.slice(first, end).reduce((sum, each) => sum + each, 0);
  };
}

function malformed(where: string, got: string, expected: string): CheckpointError {
  return new CheckpointError({
    what: "the ranges of a table are inconsistent",
    where,
    got,
    expected,
    next: "Use another checkpoint of the run: this one was written incorrectly.",
  });
}
