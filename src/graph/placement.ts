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

/** Slots `[begin, end)` of a rank. */
export function slotsOf({ firstRank, owners }: Placement, rank: number): SlotRange {
  const begin = (r: number): number => {
    const owner = Math.min(Math.max(r - firstRank, 0), owners);
    return Math.floor((owner * SLOTS) / owners);
  };
  return [begin(rank), begin(rank + 1)];
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
