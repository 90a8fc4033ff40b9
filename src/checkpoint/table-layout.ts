import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { listOf } from "../untrusted.js";
import { DTYPE_BYTES } from "./dtypes.js";

/** Slots are the unit for placing, saving and moving tables: row r of a table belongs to slot r mod SLOTS. */
export const SLOTS = 1024;

/** Readers visit every slot. */
const MOST_SLOTS = 2 ** 16;
/** Far more than any model has. */
const [MOST_TABLES, MOST_STATES, MOST_RANGES] = [2 ** 16, 2 ** 6, 2 ** 20];

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
/** File name relative to the checkpoint directory. */
export const fileNameSchema = z.string().regex(/^[\w-][\w.-]*$/);

const rangeSchema = z.strictObject({
  file: fileNameSchema,
  /** Offset of the first byte in the file. */
  offset: count,
  bytes: count,
  /** SHA-256 of the bytes. */
  checksum: sha256Schema,
  /** Only with the order `slots`: the range of slots [first, end) whose rows it contains. */
  slots: z.tuple([count, count]).optional(),
  /** Rows of each of these slots; absent if they follow from the table's number of rows. */
  counts: z.array(count).optional(),
});
const rangesSchema = listOf(rangeSchema, MOST_RANGES);

/** Per-row numbers: the weights of a table, or an optimizer state. */
const numbersShape = {
  /** The parameter's name. */
  name: z.string().min(1),
  /** Numbers per row. */
  dim: positive,
  dtype: z.enum(["F32", "F16", "BF16", "U32", "U64"]),
  ranges: rangesSchema,
};
const stateSchema = z.strictObject(numbersShape);

const tableSchema = z
  .strictObject({
    ...numbersShape,
    /** Number of rows of a table of fixed size. */
    rows: count.optional(),
    /** Maximum number of rows of a growing table. */
    capacity: positive.optional(),
    states: listOf(stateSchema, MOST_STATES),
    slots: positive.max(MOST_SLOTS),
    /** `rows`: ascending. `slots`: slot by slot, and within a slot ascending (by key, if there are keys). */
    order: z.enum(["rows", "slots"]),
    /** U64 per row: its key or, in a delta of a table of fixed size, its row number. */
    keys: rangesSchema.optional(),
    /** U64: in a delta, the keys that were removed. */
    deleted: rangesSchema.optional(),
  })
  .refine(({ rows, capacity }) => (rows === undefined) !== (capacity === undefined), {
    message: "a table has either rows or a capacity",
  });

export const tablesSchema = listOf(tableSchema, MOST_TABLES);

export type Range = z.infer<typeof rangeSchema>;
export type TableNumbers = z.infer<typeof stateSchema>;
export type Table = z.infer<typeof tableSchema>;

/** All ranges of a table's weights, states and keys. */
export function rangesOf({ ranges, states, keys = [], deleted = [] }: Table): Range[] {
  return [...ranges, ...states.flatMap((state) => state.ranges), ...keys, ...deleted];
}

/** Number of rows in slots [first, end) of a table of fixed size. */
export function rowsOfSlots(rows: number, slots: number, first: number, end: number): number {
  const upTo = (slot: number) => Math.floor(rows / slots) * slot + Math.min(rows % slots, slot);
  return upTo(end) - upTo(first);
}

/**
 * Checks that ranges lie within their files without overlap, and that tables of fixed size have every row exactly once.
 * @throws CheckpointError naming the table
 */
export function checkTables(
  tables: readonly Table[],
  files: Readonly<Record<string, { readonly bytes: number }>>,
  where: string,
): void {
  checkWithinFiles(tables.flatMap(rangesOf), files, where);
  for (const table of tables) {
    if (table.rows === undefined) continue;
    for (const numbers of [table, ...table.states]) checkRows(table as FixedTable, numbers, where);
  }
}

type FixedTable = Table & { readonly rows: number };

function checkWithinFiles(
  ranges: readonly Range[],
  files: Readonly<Record<string, { readonly bytes: number }>>,
  where: string,
): void {
  const ends = new Map<string, number>();
  for (const { file, offset, bytes } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const size = files[file]?.bytes ?? 0;
    if (offset + bytes > size) throw malformed(where, `${file} at ${offset}`, `within its ${size} bytes`);
    const end = ends.get(file) ?? 0;
    if (offset < end) throw malformed(where, `${file} at ${offset}`, `no overlap with the range before it`);
    ends.set(file, offset + bytes);
  }
}

function checkRows({ rows, slots, order }: FixedTable, numbers: TableNumbers, where: string): void {
  const rowBytes = numbers.dim * DTYPE_BYTES[numbers.dtype];
  let [row, slot] = [0, 0];
  for (const range of numbers.ranges) {
    let count = range.bytes / rowBytes;
    if (order === "slots") {
      const [first, end] = range.slots ?? [-1, -1];
      if (first !== slot || end < first || end > slots)
        throw malformed(`${where}: ${numbers.name}`, `slots ${first} to ${end}`, `slots from ${slot} on`);
      count = rowsOfSlots(rows, slots, first, end);
      slot = end;
    }
    if (range.bytes !== count * rowBytes || !Number.isInteger(count))
      throw malformed(`${where}: ${numbers.name}`, `${range.bytes} bytes`, `whole rows of ${rowBytes} bytes`);
    row += count;
  }
  if (row === rows) return;
  throw malformed(`${where}: ${numbers.name}`, `ranges of ${row} rows`, `${rows} rows`);
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
