import { memoryOf } from "../features/schema/store.js";
import { groupStarts } from "../graph/accumulation.js";
import { columnsOf, type Placement, rowsOfShard, SLOTS, slotsOf } from "../graph/placement.js";
import type { Plan } from "../passes/memory-plan.js";
import { toldBytes } from "../passes/whole-rows.js";
import { workOf } from "./compute.js";
import type { Demand, TableDemand, TableStore } from "./demand.js";
import { foldCopies } from "./fold-copies.js";
import { inSlots, type TableLookups, trafficOf } from "./lookups.js";
import { computeSeconds, latencyOf, type Machine, rowRate, secondsOfByte } from "./machine.js";
import { bytesSent, idBytesOf, type Round, roundsOf } from "./wire.js";

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
  /** Node.js and its libraries, their mapped files included, and what a checkpoint takes while it is written. */
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
/**
 * Measured (docs/plan.md): Node.js with the native core and DuckDB, after it has read data, has 83 to 92 MB to itself; 86 to 97 MB of
 * the files of its program and libraries are mapped, those of an MPI library included; a checkpoint takes 14 to 25 MB.
 */
const PROCESS_BYTES = 205e6;
/** Of a dynamic table: key, score and index (docs/tables.md). */
const KEY_BYTES = 19;
/** Seconds of a thread to sort an id into the list of rows: an estimate. */
const LIST_SECONDS = 60e-9;
/**
 * Bytes of the lists of an executor (native/cpu/exchange/row_route.h), an estimate: for each id that a rank looks up, each row
 * that it asks for, each row that another rank asks it for, and each row of which ranks tell each other their columns.
 */
const LIST_BYTES = { id: 48, unique: 24, asked: 84, told: 36 };

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
    /** Entries of sequences in a rank's share of the batch, by the sequence, where they were counted. */
    private readonly entries: ReadonlyMap<string, number> = new Map(),
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
    const bytes = this.shardBytes(table, placement, rank);
    const { everyRow } = table.wholeRows;
    const owned = {
      rows: inSlots(asked, slots),
      sums: inSlots(sums, slots),
      updated: everyRow ? bytes.rows : inSlots(updated, slots),
    };
    const held = table.store ? heldShare(table.store, bytes.rows) : cached / ALL_CACHED;
    // Nothing is exchanged of a copied table without gradients.
    const everything = {
      ...owned,
      rows: table.returned > 0 ? owned.rows : 0,
      all: everyRow ? table.rows : inSlots(updated, [0, SLOTS]),
    };
    const exchange =
      ranks > 1
        ? this.ownerBytes(dividedTable(table, placement, rank), placement.copies ? everything : owned)
        : 0;
    const missed = held < 1 ? bytes.tables + bytes.states : 0;
    const seconds = placement.copies
      ? this.copySeconds(table, everything)
      : this.tableSeconds(dividedTable(table, placement, rank), owned, 1 - held);
    return {
      seconds: { ...NO_SECONDS, ...seconds },
      bytes: { ...NO_BYTES, tables: held * bytes.tables, states: held * bytes.states, exchange },
      disk: missed,
    };
  }

  private shardBytes(table: TableDemand, placement: Placement, rank: number) {
    const { rows, weights, states } = dividedTable(table, placement, rank);
    const own = placement.copies ? rows : rowsOfShard({ rows, placement, rank });
    return { rows: own, tables: own * weights, states: own * states };
  }

  private tableSeconds(table: DividedTable, owned: Owned, missing: number): Partial<Seconds> {
    const { ranks } = this.demand;
    const { weights, states, sum, told, rows } = table;
    const record = weights + states;
    const read = ranks * owned.rows * weights;
    const arriving = ranks * owned.sums * sum + owned.updated * told;
    const others = ranks - 1;
    const wire =
      others * (owned.rows * (idBytesOf(rows) + weights) + owned.sums * sum) + owned.updated * told;
    return {
      read: ranks > 1 ? read / rowRate(this.machine, weights, "read") : 0,
      update:
        (owned.updated * record) / rowRate(this.machine, record, "update") + arriving / this.machine.read,
      wire: wire * this.byteSeconds,
      disk: (2 * missing * Math.max(owned.updated, owned.rows) * record) / this.machine.disk,
    };
  }

  /** Of a table of which every rank has all rows: gradients come, and their sums leave for all. */
  private copySeconds({ weights, states, dim, rows }: TableDemand, owned: Folded): Partial<Seconds> {
    const { ranks } = this.demand;
    const record = weights + states;
    const sum = FP32 * dim;
    const wire = owned.rows * idBytesOf(rows) + owned.sums * sum + owned.updated * (idBytesOf(rows) + sum);
    return {
      update:
        (owned.all * record) / rowRate(this.machine, record, "update") +
        (ranks * owned.sums * sum) / this.machine.read,
      wire: (ranks - 1) * wire * this.byteSeconds,
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
    const nothing = { placement, asks: none, returns: none, answers: none, updates: none };
    return roundsOf(training, ranks, () => nothing);
  }

  /** Bytes that each rank sends in a step, by the names of the communicator's counters. */
  sent(placements: ReadonlyMap<string, Placement>): Map<string, number>[] {
    const { training, trainingAt, ranks } = this.demand;
    const hasCopies = [...placements.values()].some(({ copies }) => copies);
    const rounds = roundsOf(hasCopies ? trainingAt(placements) : training, ranks, (name) =>
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

  /**
   * Values of the entries of sequences: of the batch, and of the rows of a tile for each thread. The executor has room for more
   * than the longest batch or tile had.
   */
  private entryFloats(plan: Plan): number {
    const { batch, ranks } = this.demand;
    const tiles = (plan.tileRows * this.machine.threads) / (batch / ranks);
    const floats = (space: "entries" | "tileEntries"): number =>
      sum([...entryWidths(plan, space)].map(([name, width]) => width * this.entriesIn(name)));
    return ENTRIES_ROOM * (floats("entries") * (plan.maxBatch / batch) + floats("tileEntries") * tiles);
  }

  /** In a rank's share of the batch; a guess where nobody has counted them: one for each row. */
  private entriesIn(sequence: string): number {
    return this.entries.get(sequence) ?? this.demand.batch / this.demand.ranks;
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

  /**
   * What a rank keeps of the rows that others look up: copies of them leave, and their gradients arrive. Where every rank has
   * all rows, sums leave and arrive; where updates need whole rows, what ranks tell each other of them.
   */
  private ownerBytes(
    { weights, sum, told }: DividedTable,
    { rows, sums, updated, all }: Owned & Partial<Folded>,
  ): number {
    const { ranks } = this.demand;
    const leaving = all === undefined ? rows * weights : 0;
    return (
      ranks * (leaving + rows * LIST_BYTES.asked + sums * 2 * sum) +
      (all ?? 0) * (LIST_BYTES.unique + 2 * sum) +
      (told > 0 ? updated * (LIST_BYTES.told + 2 * told) : 0)
    );
  }
}

/** Bytes of what a rank has of a row, of the sum of gradients that it gets, and of what it tells others of a row to update. */
interface DividedTable extends Pick<TableDemand, "rows" | "weights" | "states"> {
  readonly sum: number;
  readonly told: number;
}

function dividedTable(
  { rows, dim, weights, states, rowStates, wholeRows }: TableDemand,
  placement: Placement,
  rank: number,
): DividedTable {
  const [begin, end] = columnsOf(placement, rank, dim);
  const share = (end - begin) / dim;
  const others = (placement.columns ?? 1) - 1;
  return {
    rows,
    weights: share * weights,
    states: share * (states - rowStates) + rowStates,
    sum: FP32 * (wholeRows.sums ? dim : end - begin),
    told: others * toldBytes(wholeRows, end - begin),
  };
}

/** The share of the rows that memory has room for. */
function heldShare({ memory, record }: TableStore, rows: number): number {
  const bytes = rows * record;
  return bytes > 0 ? Math.min(1, memoryOf({ memory }, bytes) / bytes) : 1;
}

/** Rows that a rank owns: that another rank asks for, sums that return from it, and rows that a step updates. */
interface Owned {
  readonly rows: number;
  readonly sums: number;
  readonly updated: number;
}

/** Rows whose gradients a rank adds up, and rows that a step updates on every rank. */
interface Folded extends Owned {
  readonly all: number;
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

/** Floats of an entry in all buffers of a space, by sequence. */
function entryWidths({ buffers }: Plan, of: "entries" | "tileEntries"): Map<string, number> {
  const widths = new Map<string, number>();
  for (const { space, name, offset, width } of buffers) {
    if (space === of) widths.set(name, Math.max(widths.get(name) ?? 0, offset + width));
  }
  return widths;
}
