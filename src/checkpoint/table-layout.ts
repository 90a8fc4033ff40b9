import { z } from "zod";
import { wordsOf } from "../quantized-rows.js";
import { listOf } from "../untrusted.js";
import { DTYPE_BYTES } from "./dtypes.js";

/**
 * Slots are the unit for placing, saving and moving tables: row r of a table of fixed size belongs to slot r mod SLOTS, and
 * a key of a growing table to slot key mod SLOTS, unsigned.
 */
export const SLOTS = 1024;

/** The slots [begin, end) of a table. */
export type SlotRange = readonly [begin: number, end: number];

/** The columns [begin, end) of a table's rows. */
export type ColumnRange = readonly [begin: number, end: number];

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
  /** Only where ranges have parts of rows: the columns [first, end). Those of the same rows follow one another. */
  columns: z.tuple([count, count]).optional(),
  /** Only of keys with the order `slots`: the rows of each of these slots. */
  counts: z.array(count).max(MOST_SLOTS).optional(),
});
const rangesSchema = listOf(rangeSchema, MOST_RANGES);

/** Initial values of rows: drawn by seed, stream and the number of the row (initial-values.ts). */
const initialSchema = z.strictObject({
  seed: count,
  stream: count.max(2 ** 32 - 1),
  values: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("constant"), value: z.number() }),
    z.strictObject({ kind: z.literal("uniform"), low: z.number(), high: z.number() }),
    z.strictObject({ kind: z.literal("normal"), mean: z.number(), std: z.number() }),
  ]),
  /** The rows are those of these values that are quantized to words. */
  quantized: z.strictObject({ bits: z.union([z.literal(8), z.literal(4)]), dim: positive }).optional(),
});

/** Per-row numbers: the weights of a table, an optimizer state, or what a growing table knows of each key. */
const numbersShape = {
  /** The parameter's name. */
  name: z.string().min(1),
  /** Numbers per row. */
  dim: positive,
  dtype: z.enum(["F32", "F16", "BF16", "U32", "U64"]),
  ranges: rangesSchema,
  /**
   * Of a growing table: the tensor of this name begins with the row of keys that have none. It is in no range, and every
   * checkpoint has it.
   */
  unknown: z.literal(true).optional(),
  /** Of a sparse table: what the rows have that are not stored. */
  initial: initialSchema.optional(),
};
/** No draw from parameters of this size is infinite in the format: one of a normal distribution has at most 6 standard deviations. */
const MOST_INITIAL = { F32: 2 ** 100, BF16: 2 ** 100, F16: 2 ** 12, U32: 2 ** 32, U64: 2 ** 53 };

interface Initialized {
  readonly dtype: keyof typeof MOST_INITIAL;
  readonly initial?: InitialValues;
}
const startsFinite = ({ dtype, initial }: Initialized): boolean =>
  Object.values(initial?.values ?? {}).every(
    (value) => typeof value !== "number" || Math.abs(value) <= MOST_INITIAL[dtype],
  );
const FINITE = { message: "initial values are finite numbers", path: ["initial"] };

const stateSchema = z.strictObject(numbersShape).refine(startsFinite, FINITE);

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
    /** U64 per row, in the order of rows: of a growing table its key; of a sparse table, and in changes, its row number. */
    keys: rangesSchema.optional(),
    /** U64: in changes to a growing table, the keys that were removed, ordered like the keys. */
    deleted: rangesSchema.optional(),
  })
  .refine(startsFinite, FINITE)
  .refine(({ rows, capacity }) => (rows === undefined) !== (capacity === undefined), {
    message: "a table has either rows or a capacity",
  })
  .refine(({ capacity, order }) => capacity === undefined || order === "slots", {
    message: "a growing table has the order slots",
  })
  .refine(({ keys, order, slots }) => keys === undefined || order === "rows" || isPower(slots), {
    message: "keys in the order slots have a power of two of them",
  })
  .refine(
    ({ capacity, initial, states }) =>
      isSparse({ initial }) ? capacity === undefined && states.every(isSparse) : !states.some(isSparse),
    {
      message: "a table of fixed size has initial values for all of its numbers or for none",
    },
  )
  .refine(
    ({ dim, dtype, initial: { quantized } = {} }) =>
      !quantized || (dtype === "F32" && dim === wordsOf(quantized)),
    {
      message: "quantized rows have as many words as their numbers take",
    },
  )
  .refine(({ capacity, deleted }) => deleted === undefined || capacity !== undefined, {
    message: "only a growing table has deleted keys",
  });

/** True if only some rows of a table of fixed size are stored: those that training has met. The others have initial values. */
export const isSparse = ({ initial }: Pick<TableNumbers, "initial">): boolean => initial !== undefined;

const isPower = (slots: number) => (slots & (slots - 1)) === 0;

export const tablesSchema = listOf(tableSchema, MOST_TABLES);

/** The first column that a range has of its rows. */
export const firstColumnOf = ({ columns }: Pick<Range, "columns">): number => columns?.[0] ?? 0;

/** Bytes of what a range has of a row. */
export function bytesOfPart(
  { columns }: Pick<Range, "columns">,
  { dim, dtype }: Pick<TableNumbers, "dim" | "dtype">,
) {
  const [begin, end] = columns ?? [0, dim];
  return (end - begin) * DTYPE_BYTES[dtype];
}

/** The ranges, those of the same rows together. */
export function rowsOfRanges<R extends Pick<Range, "columns">>(ranges: readonly R[]): R[][] {
  const together: R[][] = [];
  for (const range of ranges) {
    if (firstColumnOf(range) > 0 && together.length > 0) together.at(-1)!.push(range);
    else together.push([range]);
  }
  return together;
}

export type InitialValues = z.infer<typeof initialSchema>;
export type Range = z.infer<typeof rangeSchema>;
export type TableNumbers = z.infer<typeof stateSchema>;
export type Table = z.infer<typeof tableSchema>;

/** The ranges of these numbers of a table, and of its keys. */
export const rangesWithKeys = (
  numbers: readonly TableNumbers[],
  { keys = [], deleted = [] }: Table,
): Range[] => [...numbers.flatMap(({ ranges }) => ranges), ...keys, ...deleted];

/** All ranges of a table. */
export const rangesOf = (table: Table): Range[] => rangesWithKeys([table, ...table.states], table);

const KEY_BYTES = 8;

/** Number of keys in these ranges. */
export const keysIn = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, { bytes }) => sum + bytes, 0) / KEY_BYTES;

/** Rows that a checkpoint has of a table, without the one of keys that have none. */
export const rowsOf = ({ rows, keys }: Table): number => (keys ? keysIn(keys) : rows!);

/** The name of the tensor with the keys of a table. */
export const keysName = (table: string): string => `${table}/keys`;
/** The name of the tensor with the keys that have been removed from it. */
export const deletedName = (table: string): string => `${table}/deleted`;

/** Number of rows in slots [first, end) of a table of fixed size. */
export function rowsOfSlots(rows: number, slots: number, first: number, end: number): number {
  const upTo = (slot: number) => Math.floor(rows / slots) * slot + Math.min(rows % slots, slot);
  return upTo(end) - upTo(first);
}
