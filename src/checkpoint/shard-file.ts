import { join } from "node:path";
import { ARRAY_OF, bytesOf, DTYPE_BYTES, type TensorArray } from "./dtypes.js";
import type { ManifestFile } from "./manifest.js";
import { type RowRange, rangesOfSlots } from "./row-ranges.js";
import { elementCount } from "./safetensors-header.js";
import { type TensorSource, writeSafetensors } from "./safetensors-writer.js";
import {
  type ColumnRange,
  firstColumnOf,
  type InitialValues,
  keysName,
  type Range,
  rowsOfRanges,
  rowsOfSlots,
  SLOTS,
  type SlotRange,
  type Table,
  type TableNumbers,
} from "./table-layout.js";

/** Rows of a table in the order of slots: those of the slots [begin, end). */
export interface ShardTensor {
  readonly source: TensorSource;
  readonly slots: SlotRange;
  /** Where the rows of each of these slots begin, and their number. */
  readonly starts: Float64Array;
  /** The columns of the rows, of rows of `width` numbers, if the tensor has not all. */
  readonly part?: { readonly columns: ColumnRange; readonly width: number };
  /** The tensor has the keys of the rows. */
  readonly areKeys?: true;
  /** Of a growing table: the row of keys that have none, from a rank that has the first slot. */
  readonly unknown?: TensorArray;
}

/** What a rank has of the row of keys that have none. */
interface UnknownPart {
  /** The first column. */
  readonly first: number;
  readonly base64: string;
}

/** What one rank has written of the tables that ranks share. */
export interface WrittenShards {
  readonly files: Readonly<Record<string, ManifestFile>>;
  /** By tensor. */
  readonly ranges: Readonly<Record<string, readonly Range[]>>;
  /** The rows of keys that have none, by tensor. */
  readonly unknown: Readonly<Record<string, UnknownPart>>;
}

/** The tables that ranks share, in the files that they have written. */
export interface ShardedTables {
  readonly files: Readonly<Record<string, ManifestFile>>;
  /** Those of fixed size. */
  readonly tables: readonly Table[];
  /** The weights and states of growing ones, by name. */
  readonly keyed: ReadonlyMap<string, KeyedShards>;
}

/** Weights or a state of a growing table: the row of keys that have none, and those of all keys, in the files of the ranks. */
export interface KeyedShards {
  readonly unknown: TensorSource;
  readonly ranges: readonly Range[];
}

/** The form of the weights of a table, or of a state. */
type ShardedNumbers = Pick<TableNumbers, "name" | "dim" | "dtype">;

/** A table that ranks share. */
export interface ShardedTable extends ShardedNumbers {
  /** Undefined for a growing one. */
  readonly rows?: number;
  readonly states: readonly ShardedNumbers[];
  /** Of fixed size: the ranks have written only some rows, and their numbers as keys. */
  readonly isPartial: boolean;
  /** As of TableContent. */
  readonly initial?: ReadonlyMap<string, InitialValues>;
}

/**
 * Writes `<dir>/embeddings-<rank>.safetensors`: the rows that a rank owns, in ranges of whole slots. A rank without rows
 * writes no file.
 */
export async function writeShardFile(
  dir: string,
  rank: number,
  tensors: ReadonlyMap<string, ShardTensor>,
): Promise<WrittenShards> {
  const own = [...tensors].filter(([, { source }]) => source.shape[0] > 0);
  const unknown = Object.fromEntries(
    [...tensors].flatMap(([tensor, { unknown, part }]) =>
      unknown ? [[tensor, unknownPart(unknown, part)]] : [],
    ),
  );
  if (own.length === 0) return { files: {}, ranges: {}, unknown };
  const name = `embeddings-${String(rank).padStart(5, "0")}.safetensors`;
  const sources = new Map(own.map(([tensor, { source }]) => [tensor, source]));
  const inRanges = new Map(own.map(([tensor, shard]) => [tensor, rangesOfShard(shard)]));
  const { bytes, sha256, ranges } = await writeSafetensors(join(dir, name), sources, inRanges);
  return { files: { [name]: { bytes, sha256 } }, ranges: Object.fromEntries(ranges), unknown };
}

const unknownPart = (row: TensorArray, part: ShardTensor["part"]): UnknownPart => {
  return { first: part?.columns[0] ?? 0, base64: Buffer.from(bytesOf(row)).toString("base64") };
};

/** Where the rows of slots [begin, end) of a table of fixed size begin, and their number. */
export const startsOfSlots = (rows: number, [begin, end]: SlotRange): Float64Array =>
  Float64Array.from({ length: end - begin + 1 }, (_, slot) => rowsOfSlots(rows, SLOTS, begin, begin + slot));

/** All ranks that have parts of the same rows cut these at the same rows: by the bytes of whole rows. */
function rangesOfShard({ source, starts, part, areKeys, slots: [begin] }: ShardTensor): RowRange[] {
  const rowBytes = (part?.width ?? elementCount(source.shape.slice(1))) * DTYPE_BYTES[source.dtype];
  return rangesOfSlots(starts, rowBytes, { withCounts: areKeys }).map((range) => {
    const [first, last] = range.slots!;
    return { ...range, slots: [begin + first, begin + last], ...(part && { columns: [...part.columns] }) };
  });
}

/** The entries of the manifest, from what the ranks have written, in their order. */
export function joinShards(
  tables: readonly ShardedTable[],
  written: readonly WrittenShards[],
): ShardedTables {
  const rangesOf = (tensor: string) => inOrder(written.flatMap(({ ranges }) => ranges[tensor] ?? []));
  const unknownOf = (tensor: string) => written.flatMap(({ unknown }) => unknown[tensor] ?? []);
  const growing = tables.filter(({ rows }) => rows === undefined).flatMap((each) => [each, ...each.states]);
  return {
    files: Object.assign({}, ...written.map(({ files }) => files)),
    tables: tables.filter(({ rows }) => rows !== undefined).map((table) => describeTable(table, rangesOf)),
    keyed: new Map(
      growing.map(({ name, dtype, dim }) => [
        name,
        { unknown: rowOf(unknownOf(name), dtype as RowDtype, dim), ranges: rangesOf(name) },
      ]),
    ),
  };
}

/** @param rangesOf the ranges of a tensor */
function describeTable(
  { rows, states, initial, isPartial, ...own }: ShardedTable,
  rangesOf: (tensor: string) => Range[],
): Table {
  const numbers = ({ name, dim, dtype }: ShardedNumbers): TableNumbers => ({
    ...{ name, dim, dtype, ranges: rangesOf(name) },
    ...(initial?.has(name) && { initial: initial.get(name) }),
  });
  const keys = isPartial ? rangesOf(keysName(own.name)) : undefined;
  return {
    ...{ ...numbers(own), rows, states: states.map(numbers), slots: SLOTS },
    order: keys?.length === 0 ? "rows" : "slots", // without rows there is no order, and no slot has a range
    ...(keys && { keys }),
  };
}

type RowDtype = "F32" | "F16" | "BF16";

function rowOf(parts: readonly UnknownPart[], dtype: RowDtype, dim: number): TensorSource {
  const data = new ARRAY_OF[dtype](dim);
  for (const { first, base64 } of parts)
    bytesOf(data).set(Buffer.from(base64, "base64"), first * DTYPE_BYTES[dtype]);
  return { dtype, shape: [1, dim], data };
}

/** Slots without rows are in some range too: the one before them reaches up to the next. */
function inOrder(ranges: readonly Range[]): Range[] {
  const sorted = rowsOfRanges(
    [...ranges].sort((a, b) => a.slots![0] - b.slots![0] || firstColumnOf(a) - firstColumnOf(b)),
  );
  return sorted.flatMap((together, i) => {
    const [first, last] = together[0].slots!;
    const begin = i === 0 ? 0 : first;
    const end = i + 1 < sorted.length ? sorted[i + 1][0].slots![0] : SLOTS;
    const none = (count: number) => Array<number>(count).fill(0);
    return together.map(({ counts, ...range }): Range => {
      const all = counts && [...none(first - begin), ...counts, ...none(end - last)];
      return { ...range, slots: [begin, end], ...(all && { counts: all }) };
    });
  });
}
