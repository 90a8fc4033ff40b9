import { groupStarts } from "../graph/accumulation.js";
import { type Placement, rowsOfShard, SLOTS, slotsOf } from "../graph/placement.js";
import { NARROW_ROWS } from "../graph/tensor.js";
import type { Plan } from "../passes/memory-plan.js";
import { workOf } from "./compute.js";
import type { Demand, TableDemand } from "./demand.js";
import { foldCopies } from "./fold-copies.js";
import { inSlots, type TableLookups, trafficOf } from "./lookups.js";
import { computeSeconds, latencyOf, type Machine, rowRate, secondsOfByte } from "./machine.js";
import { bytesSent, type Round, roundsOf } from "./wire.js";

/** Seconds of a step, by part. */
export interface Seconds {
  /** Forward, backward, and updates of dense weights. */
  readonly compute: number;
  /** Lists of the rows that a rank asks for. */
  readonly list: number;
  /** Rows that a rank reads for all ranks. */
  readonly read: number;
  /** Rows that a rank updates. */
  readonly update: number;
  readonly wire: number;
  /** Rows that are not in memory. */
  readonly disk: number;
}

/** Bytes of memory, by kind. */
export interface Bytes {
  readonly tables: number;
  readonly states: number;
  /** Those of dynamic tables, which every rank has. */
  readonly keys: number;
  /** Dense weights and their states. */
  readonly dense: number;
  /** What programs compute with. */
  readonly arenas: number;
  readonly exchange: number;
  /** Node.js and its libraries. */
  readonly process: number;
}

/** What a rank spends on something. */
export interface Spending {
  readonly seconds: Seconds;
  readonly bytes: Bytes;
  /** In a file. */
  readonly disk: number;
}

export const NO_SECONDS: Seconds = { compute: 0, list: 0, read: 0, update: 0, wire: 0, disk: 0 };
const NO_BYTES: Bytes = { tables: 0, states: 0, keys: 0, dense: 0, arenas: 0, exchange: 0, process: 0 };
export const NOTHING: Spending = { seconds: NO_SECONDS, bytes: NO_BYTES, disk: 0 };

/** Where a table is. */
export interface Place {
  readonly placement: Placement;
  /** Tenths of the rows that memory holds; the others are in a file. */
  readonly cached: number;
}

export const ALL_CACHED = 10;

const FP32 = 4;
/** Measured: Node.js with the native core and DuckDB, after it has read data. */
const PROCESS_BYTES = 130e6;
/** Of a dynamic table: key, score and index (docs/tables.md). */
const KEY_BYTES = 19;
/** Seconds of a thread to sort an id into the list of rows: an estimate. */
const LIST_SECONDS = 60e-9;
/**
 * Bytes of the lists of an executor (native/cpu/exchange/row_route.h), an estimate: for each id that a rank looks up, each row
 * that it asks for, and each row that another rank asks it for.
 */
const LIST_BYTES = { id: 48, unique: 24, asked: 84 };

/** Of the entries of a batch (native/cpu/entries.h). */
const ENTRIES_ROOM = 5 / 4;

/** What ranks spend on a model. */
export class CostModel {
  /** Seconds of each byte that a rank sends or receives: by the size of the messages with rows, were all tables shared by all. */
  private readonly byteSeconds: number;
  private everywhere?: Spending;

  constructor(
    readonly demand: Demand,
    readonly lookups: ReadonlyMap<string, TableLookups>,
    readonly machine: Machine,
  ) {
    const { ranks, tables } = demand;
    const rows = tables.reduce((sum, table) => sum + this.lookupsOf(table).asked.at(-1)! * table.weights, 0);
    this.byteSeconds = secondsOfByte(machine, rows / ranks);
  }

  lookupsOf({ name }: TableDemand): TableLookups {
    return this.lookups.get(name)!;
  }

  /** What every rank spends, wherever the tables are. */
  base(): Spending {
    this.everywhere ??= this.spentEverywhere();
    return this.everywhere;
  }

  private spentEverywhere(): Spending {
    const { ranks, dense } = this.demand;
    return {
      seconds: { ...NO_SECONDS, ...this.computing(), ...(ranks > 1 && this.always()) },
      bytes: {
        ...NO_BYTES,
        keys: this.keyBytes(),
        dense: dense.weights + dense.states,
        arenas: this.arenas(),
        exchange: ranks > 1 ? this.askerBytes() : 0,
        process: PROCESS_BYTES,
      },
      disk: 0,
    };
  }

  /** What a rank spends on a table. */
  table(table: TableDemand, { placement, cached }: Place, rank: number): Spending {
    const { ranks } = this.demand;
    const slots = slotsOf(placement, rank);
    const { asked, sums, updated } = this.lookupsOf(table);
    const owned = {
      rows: inSlots(asked, slots),
      sums: inSlots(sums, slots),
      updated: inSlots(updated, slots),
    };
    const bytes = this.shardBytes(table, placement, rank);
    const held = cached / ALL_CACHED;
    const exchange = ranks > 1 ? this.ownerBytes(table, owned) : 0;
    const missed = cached < ALL_CACHED ? bytes.tables + bytes.states : 0;
    return {
      seconds: { ...NO_SECONDS, ...this.tableSeconds(table, owned, 1 - held) },
      bytes: { ...NO_BYTES, tables: held * bytes.tables, states: held * bytes.states, exchange },
      disk: missed,
    };
  }

  private shardBytes({ rows, weights, states }: TableDemand, placement: Placement, rank: number) {
    const own = rowsOfShard({ rows, placement, rank });
    return { tables: own * weights, states: own * states };
  }

  private tableSeconds(table: TableDemand, owned: Owned, missing: number): Partial<Seconds> {
    const { ranks } = this.demand;
    const { weights, states, dim, rows } = table;
    const record = weights + states;
    const read = ranks * owned.rows * weights;
    const arriving = ranks * owned.sums * FP32 * dim;
    const ids = rows > NARROW_ROWS ? 2 * FP32 : FP32;
    const others = ranks - 1;
    const wire = others * (owned.rows * (ids + weights) + owned.sums * FP32 * dim);
    return {
      read: ranks > 1 ? read / rowRate(this.machine, weights, "read") : 0,
      update:
        (owned.updated * record) / rowRate(this.machine, record, "update") + arriving / this.machine.read,
      wire: wire * this.byteSeconds,
      disk: (2 * missing * Math.max(owned.updated, owned.rows) * record) / this.machine.disk,
    };
  }

  private computing(): Partial<Seconds> {
    const { training, batch, ranks } = this.demand;
    return { compute: computeSeconds(this.machine, workOf(training, batch / ranks)) };
  }

  /** Lists of rows, and what is exchanged wherever tables are. A table is listed by one thread. */
  private always(): Partial<Seconds> {
    const { tables } = this.demand;
    const ids = tables.map((table) => this.lookupsOf(table).ids);
    const list = Math.max(sum(ids) / this.machine.threads, ...ids) * LIST_SECONDS;
    const rounds = this.roundsWithoutRows();
    const sent = sum(rounds.map((round) => round.sent(0)));
    return { list, wire: rounds.length * latencyOf(this.machine) + sent * this.byteSeconds };
  }

  /** Of a step whose samples look up no rows. */
  private roundsWithoutRows(): Round[] {
    const { training, ranks } = this.demand;
    const placement = { firstRank: 0, owners: Math.min(ranks, SLOTS) };
    const none = () => 0;
    return roundsOf(training, ranks, () => ({ placement, asks: none, returns: none, answers: none }));
  }

  /** Bytes that each rank sends in a step, by the names of the communicator's counters. */
  sent(placements: ReadonlyMap<string, Placement>): Map<string, number>[] {
    const { training, ranks } = this.demand;
    const rounds = roundsOf(training, ranks, (name) =>
      trafficOf(this.lookups.get(name)!, placements.get(name)!, ranks),
    );
    return Array.from({ length: ranks }, (_, rank) => bytesSent(rounds, rank));
  }

  /** Tables of one translation have the same keys. */
  private keyBytes(): number {
    const keyed = this.demand.tables.filter(({ byKey }) => byKey);
    const capacities = new Map(keyed.map(({ translation, rows }) => [translation, rows]));
    return KEY_BYTES * sum([...capacities.values()]);
  }

  private arenas(): number {
    const { training, inference } = this.demand;
    return this.arenasOf(training) + this.arenasOf(inference);
  }

  /** Of the memory for the rows of a batch, a rank touches that of its own. */
  private arenasOf(program: Plan): number {
    const { arenas, maxBatch } = program;
    const { ranks } = this.demand;
    const { threads } = this.machine;
    const groups = groupStarts(maxBatch, program).length - 1;
    const copies = foldCopies(groups, Math.ceil(groups / ranks), threads);
    const floats = arenas.fixed + arenas.partial * copies + arenas.tile * threads + arenas.batch / ranks;
    return FP32 * (floats + this.entryFloats(program));
  }

  /** Values of the entries of sequences. The executor has room for more than the longest batch had. */
  private entryFloats({ buffers, maxBatch }: Plan): number {
    const widths = new Map<string, number>();
    for (const { space, name, offset, width } of buffers) {
      if (space === "entries") widths.set(name, Math.max(widths.get(name) ?? 0, offset + width));
    }
    const entries = ([name, width]: [string, number]) => width * this.entriesIn(name);
    return sum([...widths].map(entries)) * ENTRIES_ROOM * (maxBatch / this.demand.batch);
  }

  /**
   * In a rank's share of the batch: the ids of a table that are no single ones, by column. Where no table has ids of the
   * sequence, because it has numbers alone, a guess: one for each row.
   */
  private entriesIn(sequence: string): number {
    const { tables, batch, ranks } = this.demand;
    const share = batch / ranks;
    const counts = tables
      .filter(({ columns }) => columns.some(({ entries }) => entries === sequence))
      .map((table) => {
        const bags = table.columns.filter(({ isBag }) => isBag).length;
        return (this.lookupsOf(table).ids - (table.columns.length - bags) * share) / bags;
      });
    return counts.length === 0 ? share : Math.max(...counts);
  }

  /** What a rank keeps of the rows that it looks up: they arrive, and their gradients leave. */
  private askerBytes(): number {
    const ofTable = (table: TableDemand): number => {
      const { ids, asked, sums } = this.lookupsOf(table);
      const rows = asked.at(-1)!;
      return (
        ids * LIST_BYTES.id + rows * (2 * table.weights + LIST_BYTES.unique) + sums.at(-1)! * FP32 * table.dim
      );
    };
    const always = Math.max(...this.roundsWithoutRows().map((round) => round.sent(0)));
    return sum(this.demand.tables.map(ofTable)) + 2 * always;
  }

  /** What a rank keeps of the rows that others look up: copies of them leave, and their gradients arrive. */
  private ownerBytes({ weights, dim }: TableDemand, { rows, sums }: Owned): number {
    const { ranks } = this.demand;
    return ranks * (rows * weights + rows * LIST_BYTES.asked + sums * 2 * FP32 * dim);
  }
}

/** Rows that a rank owns: that another rank asks for, sums that return from it, and rows that a step updates. */
interface Owned {
  readonly rows: number;
  readonly sums: number;
  readonly updated: number;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

export function total(parts: Seconds | Bytes): number {
  return sum(Object.values(parts));
}

export function added(a: Spending, b: Spending): Spending {
  const parts = <T extends Seconds | Bytes>(x: T, y: T): T =>
    Object.fromEntries(Object.entries(x).map(([key, value]) => [key, value + y[key as keyof T]])) as T;
  return { seconds: parts(a.seconds, b.seconds), bytes: parts(a.bytes, b.bytes), disk: a.disk + b.disk };
}
