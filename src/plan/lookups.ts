import { type Placement, SLOTS, slotsOf } from "../graph/placement.js";
import type { TableDemand } from "./demand.js";
import type { TableTraffic } from "./wire.js";

/** The rows of a table that the ranks look up in a step, by the slots that they are in. Means over ranks and steps. */
export interface TableLookups {
  /** Ids in a rank's share of the batch. */
  readonly ids: number;
  /** Different rows in the share of a rank, in slots below each. */
  readonly asked: Float64Array;
  /** The same, where a row counts once for each node of the rank's accumulation groups that updates it. */
  readonly sums: Float64Array;
  /** The same two of each rank, where they were counted. */
  readonly byRank?: readonly Pick<TableLookups, "asked" | "sums">[];
  /** Different rows in the whole batch. */
  readonly updated: Float64Array;
  /** Whether they were counted in data. */
  readonly measured: boolean;
}

/** In slots `[begin, end)`. */
export const inSlots = (below: Float64Array, [begin, end]: readonly [number, number]): number =>
  below[end] - below[begin];

/** What ranks ask of each other, of a table that is here. */
export function trafficOf(
  { asked, sums, updated, byRank }: TableLookups,
  placement: Placement,
  ranks: number,
): TableTraffic {
  const all = Array.from({ length: ranks }, (_, rank) => rank);
  const own = all.map((rank) => slotsOf(placement, rank));
  const of = (rank: number) => byRank?.[rank] ?? { asked, sums };
  /** The ranks of one share: those of the others have the same parts. */
  const parts = all.slice(placement.firstRank, placement.firstRank + (placement.columns ?? 1));
  const everyone: readonly [number, number] = [0, SLOTS];
  const fromAll = own.map((slots) => all.reduce((sum, rank) => sum + inSlots(of(rank).asked, slots), 0));
  return {
    placement,
    asks: (rank) => parts.length * inSlots(of(rank).asked, everyone) - inSlots(of(rank).asked, own[rank]),
    returns: (rank, numbersOf) =>
      parts.reduce((sum, owner) => sum + numbersOf(owner), 0) * inSlots(of(rank).sums, everyone) -
      numbersOf(rank) * inSlots(of(rank).sums, own[rank]),
    updates: (rank) => inSlots(updated, own[rank]),
    answers: (rank) => fromAll[rank] - inSlots(of(rank).asked, own[rank]),
  };
}

export interface Share {
  /** Samples of a step. */
  readonly batch: number;
  readonly ranks: number;
  /** Nodes of a rank's accumulation groups; one if ranks are a power of two. */
  readonly nodes: number;
}

/**
 * A guess, where no data has been read: ids are as frequent as in a power law, the n-th 1/n times as frequent as the first,
 * and spread over the slots evenly. (Real ids of Criteo repeat more, see docs/plan.md.)
 */
export function guessedLookups(table: TableDemand, { batch, ranks, nodes }: Share): TableLookups {
  const ids = (table.columns.length * batch) / ranks;
  const returned = (table.returned * batch) / ranks;
  const spread = (count: number): Float64Array =>
    Float64Array.from({ length: SLOTS + 1 }, (_, slot) => (count * rowsBelow(slot, table.rows)) / table.rows);
  return {
    ids,
    asked: spread(expectedRows(ids, table.rows)),
    sums: spread(nodes * expectedRows(returned / nodes, table.rows)),
    updated: spread(expectedRows(returned * ranks, table.rows)),
    measured: false,
  };
}

/** Rows of the table in slots below this one. */
const rowsBelow = (slot: number, rows: number): number =>
  slot * Math.floor(rows / SLOTS) + Math.min(slot, rows % SLOTS);

/** The steps of a sum over ranks of frequency, from one power of two to the next. */
const STEPS = 8;

/** The number of different rows among `ids` draws from a power law: `sum 1 - (1 - p)^ids`, with the rows of about one frequency together. */
export function expectedRows(ids: number, rows: number): number {
  const scale = 1 / (Math.log(rows) + 0.5772 + 1 / (2 * rows));
  let expected = 0;
  for (let first = 1; first <= rows; ) {
    const next = Math.min(rows + 1, Math.max(first + 1, Math.floor(first * 2 ** (1 / STEPS))));
    const frequency = (2 * scale) / (first + next - 1);
    expected += (next - first) * -Math.expm1(ids * Math.log1p(-Math.min(frequency, 1 - 1e-12)));
    first = next;
  }
  return Math.min(expected, ids, rows);
}
