import { murmur3 } from "../murmur3.js";

/** Slots of a table's rows: the row with name n belongs to slot `n mod SLOTS`. */
export const SLOTS = 1024;

/** The slots [begin, end) of a table. */
export type SlotRange = readonly [begin: number, end: number];

/**
 * The ranks that share a table: its slots are divided among `owners` ranks from `firstRank` on, in order and as equally as
 * possible. An owner keeps its rows in the order of their places: slot by slot, and within a slot by row.
 */
export interface Placement {
  readonly firstRank: number;
  readonly owners: number;
  /** The rank with the first slots is so many after `firstRank`; default 0. After the last of the owners comes the first. */
  readonly turn?: number;
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

/** All ranks have a copy of a table. */
export function copied(name: string, ranks: number): Placement {
  return { ...byRows(name, ranks), copies: true };
}

export function isSamePlacement(a: Placement, b: Placement): boolean {
  const parts = ({ firstRank, owners, turn = 0, copies }: Placement) => [firstRank, owners, turn, copies];
  return parts(a).every((part, i) => part === parts(b)[i]);
}

/** The rows that one rank owns of a table. */
export interface Shard {
  /** Of the whole table. */
  readonly rows: number;
  readonly placement: Placement;
  readonly rank: number;
}

/** The number of rows of a shard. */
export function rowsOfShard({ rows, placement, rank }: Shard): number {
  const [begin, end] = placesOf(placement, rank, rows);
  return end - begin;
}

/** Slots `[begin, end)` of a rank; `[0, 0)` if it is no owner. */
export function slotsOf({ firstRank, owners, turn = 0 }: Placement, rank: number): SlotRange {
  if (rank < firstRank || rank >= firstRank + owners) return [0, 0];
  const share = (rank - firstRank + owners - (turn % owners)) % owners;
  return [Math.floor((share * SLOTS) / owners), Math.floor(((share + 1) * SLOTS) / owners)];
}

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
