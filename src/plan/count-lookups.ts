import type { Column, ColumnSet } from "../columns/columns.js";
import { permutation, type Shuffle } from "../columns/order.js";
import { SLOTS } from "../graph/placement.js";
import type { Demand, TableDemand } from "./demand.js";
import type { TableLookups } from "./lookups.js";
import { type Groups, groupsOf } from "./ranks.js";

/** Steps that are counted, fewer where a step has many ids. */
const STEPS = 8;
const MOST_IDS = 4e6;
/** More are not counted one by one, since that would take much memory. */
const MOST_RANKS = 16;

export interface Counting {
  /** The order of an epoch; default that of the rows. */
  readonly shuffle?: Shuffle;
  /** Steps from the first one on; default a few. */
  readonly steps?: number;
}

/** Counts what ranks look up in the first steps of an epoch, by the name of the table. */
export function countLookups(
  demand: Demand,
  { rows, columns }: ColumnSet,
  { shuffle, steps }: Counting,
): Map<string, TableLookups> {
  const { batch, geometry, ranks, tables } = demand;
  const groups = groupsOf(Math.min(batch, rows), geometry, ranks);
  const order = orderOf(rows, shuffle);
  const count = stepsToCount(demand, rows, steps);
  const counted = tables.flatMap((table) => {
    const found = table.columns.map(({ name }) => columns.get(name));
    if (!found.every((column) => column !== undefined)) return [];
    const counter = new Counter(table, found, order, ranks);
    for (let step = 0; step < count; step++) counter.step(step * batch, groups);
    return [[table.name, counter.means(count, ranks)] as const];
  });
  return new Map(counted);
}

/** Counts the entries of sequences in a rank's share of the batch: means over the first steps of an epoch, by the sequence. */
export function countEntries(
  demand: Demand,
  { rows, columns }: ColumnSet,
  { shuffle, steps }: Counting,
): Map<string, number> {
  const { batch, ranks, sequences } = demand;
  const order = orderOf(rows, shuffle);
  const count = stepsToCount(demand, rows, steps);
  const counted = Math.min(rows, count * batch);
  return new Map(
    [...sequences].flatMap(([sequence, name]) => {
      const column = columns.get(name);
      if (column?.kind !== "ids") return [];
      let entries = 0;
      for (let position = 0; position < counted; position++) {
        const row = order(position);
        entries += Number(column.offsets[row + 1]) - Number(column.offsets[row]);
      }
      return [[sequence, entries / (count * ranks)] as const];
    }),
  );
}

const orderOf = (rows: number, shuffle?: Shuffle) =>
  shuffle ? permutation(rows, shuffle) : (position: number) => position;

function stepsToCount({ batch, tables }: Demand, rows: number, steps?: number): number {
  const most = Math.min(STEPS, Math.ceil(MOST_IDS / (batch * Math.max(1, tables.length))));
  return Math.max(1, Math.min(steps ?? most, Math.floor(rows / batch)));
}

type Id = number | bigint;

class Counter {
  private ids = 0;
  private readonly all = new Slots();
  private readonly byRank: readonly Slots[];
  private readonly updated = new Float64Array(SLOTS);

  constructor(
    private readonly table: TableDemand,
    private readonly columns: readonly Column[],
    private readonly order: (position: number) => number,
    ranks: number,
  ) {
    this.byRank = Array.from({ length: ranks <= MOST_RANKS ? ranks : 0 }, () => new Slots());
  }

  step(start: number, groups: readonly Groups[]): void {
    const updated = new Set<Id>();
    groups.forEach(({ nodes }, rank) => {
      const asked = new Set<Id>();
      const own = [this.all, ...this.byRank.slice(rank, rank + 1)];
      for (const rows of nodes) {
        const summed = this.node(start, rows, asked);
        for (const { sums } of own) addTo(sums, summed);
        for (const id of summed) updated.add(id);
      }
      for (const slots of own) addTo(slots.asked, asked);
    });
    addTo(this.updated, updated);
  }

  /** The rows that a node of accumulation groups updates; adds those that it looks up. */
  private node(start: number, [begin, end]: readonly [number, number], asked: Set<Id>): Set<Id> {
    const summed = new Set<Id>();
    for (let position = start + begin; position < start + end; position++) {
      const row = this.order(position);
      for (const [i, column] of this.columns.entries()) {
        for (const id of idsAt(column, row)) {
          this.ids++;
          asked.add(id);
          if (i < this.table.returned) summed.add(id);
        }
      }
    }
    return summed;
  }

  means(steps: number, ranks: number): TableLookups {
    const { byRank } = this;
    return {
      ids: this.ids / (steps * ranks),
      ...this.all.means(steps * ranks),
      ...(byRank.length > 0 && { byRank: byRank.map((slots) => slots.means(steps)) }),
      updated: below(this.updated, steps),
      measured: true,
    };
  }
}

/** Counts by slot. */
class Slots {
  readonly asked = new Float64Array(SLOTS);
  readonly sums = new Float64Array(SLOTS);

  means(of: number): Pick<TableLookups, "asked" | "sums"> {
    return { asked: below(this.asked, of), sums: below(this.sums, of) };
  }
}

function idsAt(column: Column, row: number): Iterable<Id> {
  if (column.kind === "id") return [column.data[column.offset + row * column.stride]];
  if (column.kind === "number") return [];
  return column.values.subarray(Number(column.offsets[row]), Number(column.offsets[row + 1]));
}

function addTo(slots: Float64Array, ids: Iterable<Id>): void {
  for (const id of ids) slots[typeof id === "number" ? id % SLOTS : slotOfKey(id)]++;
}

const slotOfKey = (key: bigint): number => Number(BigInt.asUintN(64, key) % BigInt(SLOTS));

/** Means in slots below each. */
function below(slots: Float64Array, of: number): Float64Array {
  const sums = new Float64Array(SLOTS + 1);
  for (let slot = 0; slot < SLOTS; slot++) sums[slot + 1] = sums[slot] + slots[slot] / of;
  return sums;
}
