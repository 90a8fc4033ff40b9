import { murmur3 } from "../murmur3.js";

/** Slots of a table's rows: the row with name n belongs to slot `n mod SLOTS`. */
export const SLOTS = 1024;

/** The slots [begin, end) of a table. */
export type SlotRange = readonly [begin: number, end: number];

/** The columns [begin, end) of a table's rows. */
export type ColumnRange = readonly [begin: number, end: number];

/** The width of every part of a row is a multiple of this number of columns, except for the last part. */
export const COLUMN_UNIT = 4;

/**
 * The ranks that share a table: its slots are divided into `owners` shares, in order, and each share belongs to `columns` ranks,
 * which have some columns of its rows each. These ranks follow one another from `firstRank` on. A rank keeps its rows in the order
 * of their places: slot by slot, and within a slot by row.
 */
export interface Placement {
  readonly firstRank: number;
  readonly owners: number;
  /** How many other shares come before the ranks with the first slots; default 0. After the last share comes the first. */
  readonly turn?: number;
  /** The first slot of each share, ascending from 0; shares may be empty. Default: shares as equal as possible. */
  readonly starts?: readonly number[];
  /** The ranks among which each row is divided; default 1: a rank has whole rows. */
  readonly columns?: number;
  /** Every rank has a copy of the whole table, and updates it. The owners only add up the gradients of their rows. */
  readonly copies?: true;
}

/**
 * All ranks share a table. Frequent rows tend to have the first slots: missing values, and words of a vocabulary. Tables of other
 * names have other turns, so that these rows do not belong to one rank.
 * @param name of the translation of tables that have one
 */
export function byRows(name: string, ranks: number): Placement {
  const owners = Math.min(ranks, SLOTS);
  return { firstRank: 0, owners, turn: murmur3(Buffer.from(name)) % owners };
}

/**
 * All ranks share a table, of which each has some columns of all rows, or of as many as there are ranks for.
 * @param columns the ranks among which a row is divided; they divide the number of ranks
 */
export function byColumns(name: string, ranks: number, columns: number): Placement {
  return { ...byRows(name, Math.floor(ranks / columns)), columns };
}

/** All ranks have a copy of a table. */
export function copied(name: string, ranks: number): Placement {
  return { ...byRows(name, ranks), copies: true };
}

export function isSamePlacement(a: Placement, b: Placement): boolean {
  const parts = ({ firstRank, owners, turn = 0, columns = 1, copies, starts }: Placement) => [
    ...[firstRank, owners, turn, columns, copies, starts?.join()],
  ];
  return parts(a).every((part, i) => part === parts(b)[i]);
}

/** The ranks that own some part of a table. */
export const ranksOf = ({ owners, columns = 1 }: Placement): number => owners * columns;

/** The most ranks among which a row of this width is divided. */
export const mostColumns = (width: number): number => Math.ceil(width / COLUMN_UNIT);

/** The rows, and columns, that one rank owns of a table. */
export interface Shard {
  /** Of the whole table. */
  readonly rows: number;
  /** Numbers of a row of the whole table. */
  readonly width: number;
  readonly placement: Placement;
  readonly rank: number;
}

/** The number of rows of a shard. */
export function rowsOfShard({ rows, placement, rank }: Omit<Shard, "width">): number {
  const [begin, end] = placesOf(placement, rank, rows);
  return end - begin;
}

/** Slots `[begin, end)` of a rank; `[0, 0)` if it is no owner. */
export function slotsOf(placement: Placement, rank: number): SlotRange {
  if (!owns(placement, rank)) return [0, 0];
  const share = shareOf(placement, rank);
  return [startOf(placement, share), startOf(placement, share + 1)];
}

/** The share of an owner: 0 is the one with the first slots. */
export function shareOf({ firstRank, owners, turn = 0, columns = 1 }: Placement, rank: number): number {
  return (Math.floor((rank - firstRank) / columns) + owners - (turn % owners)) % owners;
}

function startOf({ owners, starts }: Placement, share: number): number {
  return starts ? (starts[share] ?? SLOTS) : Math.floor((share * SLOTS) / owners);
}

/**
 * The columns of its rows that a rank has, of tables of this width; a rank without rows has all. Where there is one number for each
 * row, such as a state, all ranks of a share have it.
 */
export function columnsOf(placement: Placement, rank: number, width: number): ColumnRange {
  const { firstRank, columns = 1 } = placement;
  if (!owns(placement, rank) || width === 1) return [0, width];
  const part = (rank - firstRank) % columns;
  const first = (of: number) =>
    Math.min(width, Math.floor((of * mostColumns(width)) / columns) * COLUMN_UNIT);
  return [first(part), first(part + 1)];
}

/** Whether a rank is the first of those that have the same rows. */
export const isFirstOfShare = (placement: Placement, rank: number): boolean =>
  owns(placement, rank) && (rank - placement.firstRank) % (placement.columns ?? 1) === 0;

const owns = (placement: Placement, rank: number): boolean =>
  rank >= placement.firstRank && rank < placement.firstRank + ranksOf(placement);

/** Places `[begin, end)` of the rows that a rank owns of a table with this number of rows. */
export function placesOf(
  placement: Placement,
  rank: number,
  rows: number,
): readonly [begin: number, end: number] {
  const [begin, end] = slotsOf(placement, rank);
  return [firstPlace(begin, rows), firstPlace(end, rows)];
}

/** The place of a row in the order of slots. */
export function placeOf(row: number, rows: number): number {
  return firstPlace(row % SLOTS, rows) + Math.floor(row / SLOTS);
}

/** The row at a place in the order of slots. */
export function rowAt(place: number, rows: number): number {
  const most = Math.floor(rows / SLOTS) + 1;
  const long = rows % SLOTS;
  if (place < long * most) return (place % most) * SLOTS + Math.floor(place / most);
  const rest = place - long * most;
  return (rest % (most - 1)) * SLOTS + long + Math.floor(rest / (most - 1));
}

function firstPlace(slot: number, rows: number): number {
  return slot * Math.floor(rows / SLOTS) + Math.min(slot, rows % SLOTS);
}
