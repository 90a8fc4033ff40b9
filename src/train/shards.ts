import { hostname } from "node:os";
import type { ChangeConsumer, DynamicTranslation, Rows } from "../backends/backend.js";
import { type Checkpoint, PARTS, type Part } from "../checkpoint/checkpoint.js";
import { bytesOf } from "../checkpoint/dtypes.js";
import { slotStarts } from "../checkpoint/key-order.js";
import { elementCount } from "../checkpoint/safetensors-header.js";
import {
  joinShards,
  type ShardedTable,
  type ShardedTables,
  type ShardTensor,
  startsOfSlots,
  type WrittenShards,
  writeShardFile,
} from "../checkpoint/shard-file.js";
import { keysName } from "../checkpoint/table-layout.js";
import { initialIn, type TableContent } from "../checkpoint/write.js";
import { rankText } from "../distributed/agree.js";
import { broadcastJson, gatherJson, type World } from "../distributed/world.js";
import { CheckpointError, messageOf } from "../errors.js";
import {
  type ColumnRange,
  columnsOf,
  isFirstOfShare,
  placeOf,
  placesOf,
  rowAt,
  rowsOfShard,
  type Shard,
  SLOTS,
  slotsOf,
} from "../graph/placement.js";
import { type Numbers, numbersOf } from "../half.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { refuseInfiniteWeights } from "./diverged.js";
import { fileDtype, type Parameter, tensorOf } from "./parameter-memory.js";
import type { SavedRows } from "./saved-rows.js";
import { ONE_DIRECTORY } from "./shared-directory.js";

/** The part of a parameter that this rank owns; undefined if it has all. */
export function shardOf({ shape, placement }: ParameterAttrs, rank: number): Shard | undefined {
  const [rows, ...inner] = shape;
  return placement && { rows, width: elementCount(inner), placement, rank };
}

/** The columns of a parameter's rows that this rank has. */
export function ownColumns({ attrs, shard }: Pick<Parameter, "attrs" | "shard">): ColumnRange {
  const width = elementCount(attrs.shape.slice(1));
  return shard ? columnsOf(shard.placement, shard.rank, width) : [0, width];
}

/** Some columns of rows of this width. */
export function takeColumns<N extends Numbers>(rows: N, width: number, [begin, end]: ColumnRange): N {
  const own = end - begin;
  if (own === width) return rows;
  const count = rows.length / width;
  const taken = new (rows.constructor as new (length: number) => N)(count * own);
  for (let row = 0; row < count; row++)
    taken.set(rows.subarray(row * width + begin, row * width + end) as never, row * own);
  return taken;
}

/**
 * The parameter as this rank has it: with its own rows and columns only, of a dynamic table with as many rows as are expected at
 * most.
 */
export function ownAttrs(attrs: ParameterAttrs, rank: number): ParameterAttrs {
  const shard = shardOf(attrs, rank);
  if (!shard) return attrs;
  const [begin, end] = ownColumns({ attrs, shard });
  return { ...attrs, shape: [rowsOfShard(shard), ...attrs.shape.slice(1).map(() => end - begin)] };
}

/** The row of memory that has a row of the table; -1 if another rank has it. Keys have rows of memory. */
export function ownRow({ attrs, shard }: Parameter, row: number): number {
  return !shard || attrs.byKey ? row : ownRowOf(shard, row);
}

/** The row of a shard that is a row of the table; -1 if another rank has it. */
export function ownRowOf({ placement, rank, rows }: Shard, row: number): number {
  const [begin, end] = slotsOf(placement, rank);
  const slot = row % SLOTS;
  return slot < begin || slot >= end ? -1 : placeOf(row, rows) - placesOf(placement, rank, rows)[0];
}

/** A table that ranks share, with its optimizer states. */
export interface SharedTable {
  readonly table: Parameter;
  readonly states: readonly Parameter[];
  /** The rows that this rank writes, if they are not all of its own. */
  readonly picked?: PickedRows;
}

/** Rows of a shared table that a rank has. */
export interface PickedRows {
  /** Their numbers, of a dynamic table their keys, in the order of slots. */
  readonly keys: BigUint64Array;
  /** Where the memories have them. */
  readonly rows: Rows;
  /** As of TableContent. */
  readonly initial?: TableContent["initial"];
}

export interface KeptKeys extends PickedRows {
  readonly rows: Uint32Array;
}

/** The keys whose rows this rank keeps. */
export function keptKeys(table: DynamicTranslation): KeptKeys {
  const { keys, rows } = table.keys();
  const unsigned = new BigUint64Array(keys.buffer, keys.byteOffset, keys.length);
  const kept = { keys: new BigUint64Array(keys.length), rows: new Uint32Array(keys.length) };
  let count = 0;
  // A loop: filters take ten times as long.
  for (let i = 0; i < rows.length; i++) {
    if (rows[i] < 0) continue;
    kept.keys[count] = unsigned[i];
    kept.rows[count++] = rows[i];
  }
  return { keys: kept.keys.slice(0, count), rows: kept.rows.slice(0, count) };
}

/** Some rows of this rank's memory, with their numbers in the table. */
export function pickedRows({ shard }: Parameter, saved: SavedRows | undefined): PickedRows | undefined {
  if (!saved || !shard) return undefined;
  const { rows, placement, rank } = shard;
  const [first] = placesOf(placement, rank, rows);
  const keys = BigUint64Array.from(saved.rows as Iterable<number | bigint>, (row) =>
    BigInt(rowAt(first + Number(row), rows)),
  );
  return { keys, rows: saved.rows, initial: saved.content.initial };
}

/** The changes that a checkpoint has, without those that the rows of shared tables have: each rank knows its own. */
export interface SharedChanges {
  readonly changesTo?: Checkpoint;
  readonly consumer: ChangeConsumer;
}

/**
 * The checkpoints of ranks that share tables: each rank writes its rows, and rank 0 the rest. Rank 0 saves, and tells the others
 * what to do meanwhile.
 */
export class ShardCheckpoints {
  /** @param tables what this rank writes: everything, or the changes that a consumer wants */
  constructor(
    private readonly world: World,
    private readonly tables: (changes?: ChangeConsumer) => readonly SharedTable[],
  ) {}

  /**
   * Saves on rank 0, while the others write what they own; all ranks call it at the same time.
   * @param save writes the checkpoint, with `collect` if it writes one. Only rank 0 calls it; others get what it returns
   * @throws CheckpointError on every rank, if one of them fails
   */
  async saving<T extends string | undefined>(save: () => Promise<T>): Promise<T> {
    if (this.world.rank > 0) return (await this.assist()) as T;
    try {
      const saved = await save();
      await this.tell({ saved });
      return saved;
    } catch (error) {
      await this.tell(failureOf(error));
      throw error;
    }
  }

  /** Lets every rank write its rows into this directory. */
  async collect(dir: string, { changesTo, consumer }: SharedChanges, parts = PARTS): Promise<ShardedTables> {
    const place: Place = { dir, parts, changes: changesTo && consumer };
    await this.tell(place);
    const { own, written } = await this.write(place);
    refuseFailed(written);
    return joinShards(
      own.map((shared) => shardedTable(shared, changesTo)),
      written,
    );
  }

  /** The keys of dynamic tables whose rows have changed on any rank, in the order of slots, by the name of the translation. */
  async changedKeys(consumer: ChangeConsumer): Promise<ReadonlyMap<string, BigUint64Array>> {
    await this.tell({ listed: consumer });
    return this.gatherKeys(consumer);
  }

  private async gatherKeys(consumer: ChangeConsumer): Promise<ReadonlyMap<string, BigUint64Array>> {
    const own = new Map(
      this.tables(consumer).flatMap(({ table, picked }) =>
        table.attrs.byKey
          ? [[table.attrs.translation!, speaksFor(table) ? picked!.keys : NO_KEYS] as const]
          : [],
      ),
    );
    const all = new Map<string, BigUint64Array>();
    for (const [translation, keys] of own) {
      const lists = await this.world.allGather(bytesOf(keys));
      all.set(translation, joinKeys(lists.map((bytes) => new BigUint64Array(Uint8Array.from(bytes).buffer))));
    }
    return all;
  }

  /** The tables, without their states where only the model is written. */
  private tablesIn({ parts, changes }: Place): readonly SharedTable[] {
    const withStates = parts.includes("optimizer");
    return this.tables(changes).map((shared) => (withStates ? shared : { ...shared, states: [] }));
  }

  /** Does what rank 0 says, until it has saved. */
  private async assist(): Promise<string | undefined> {
    let written: readonly (WrittenShards | Failed)[] = [];
    for (;;) {
      const order = await this.tell();
      if ("dir" in order) written = (await this.write(order)).written;
      else if ("listed" in order) await this.gatherKeys(order.listed);
      else {
        refuseFailed(written);
        if ("failed" in order) throw failedOn(0, order);
        return order.saved;
      }
    }
  }

  /** The order of rank 0, which gives it, on every rank. */
  private tell(order?: Order): Promise<Order> {
    return broadcastJson(this.world, order);
  }

  /** Writes the rows of this rank. Returns its tables, which are not listed again, and what every rank has written. */
  private async write(place: Place) {
    let own: readonly SharedTable[] = [];
    const writeOwn = async (): Promise<WrittenShards | Failed> => {
      try {
        const { rank } = this.world;
        own = this.tablesIn(place);
        const shards = own.flatMap((shared) => shardTensors(shared, rank));
        return await writeShardFile(place.dir, rank, new Map(shards));
      } catch (error) {
        return failureOf(error);
      }
    };
    const written = await gatherJson(this.world, await writeOwn());
    return { own, written };
  }
}

interface Failed {
  readonly failed: string;
  readonly host: string;
}
/** Where and what to write: everything, or the changes that a consumer wants. */
interface Place {
  readonly dir: string;
  readonly parts: readonly Part[];
  readonly changes?: ChangeConsumer;
}
/** What rank 0 tells the others: to write, to list changed keys, or what became of the checkpoint. */
type Order = Failed | Place | { readonly listed: ChangeConsumer } | { readonly saved?: string };

/** Keys of ranks, each of which has all keys of its slots, in the order of slots. */
function joinKeys(lists: readonly BigUint64Array[]): BigUint64Array {
  const slotOf = ([first]: BigUint64Array) => Number(first % BigInt(SLOTS));
  const inOrder = lists.filter(({ length }) => length > 0).sort((a, b) => slotOf(a) - slotOf(b));
  const all = new BigUint64Array(inOrder.reduce((sum, { length }) => sum + length, 0));
  let count = 0;
  for (const keys of inOrder) {
    all.set(keys, count);
    count += keys.length;
  }
  return all;
}

/** The tensors that a rank writes of a table, and the numbers of its rows where these are not all. */
function shardTensors({ table, states, picked }: SharedTable, rank: number): [string, ShardTensor][] {
  // Ranks that have columns of the same rows all have a state of one number for each row.
  const own = [table, ...states].filter((each) => speaksFor(each) || each.shard!.width > 1);
  const tensors = own.map((each): [string, ShardTensor] => [
    each.attrs.name,
    picked ? pickedTensor(each, picked, rank) : shardTensor(each, rank),
  ]);
  return picked && !table.attrs.byKey && speaksFor(table)
    ? [...tensors, [keysName(table.attrs.name), keysTensor(table, picked, rank)]]
    : tensors;
}

/** Of the ranks that have columns of the same rows, the first one says which rows these are. */
const speaksFor = ({ shard }: Parameter): boolean => isFirstOfShare(shard!.placement, shard!.rank);

const NO_KEYS = new BigUint64Array(0);

function shardTensor(parameter: Parameter, rank: number): ShardTensor {
  const { attrs } = parameter;
  const source = tensorOf({ ...parameter, attrs: withWidth(ownAttrs(attrs, rank)) });
  const slots = slotsOf(attrs.placement!, rank);
  return { source, slots, starts: startsOfSlots(attrs.shape[0], slots), ...partOf(parameter) };
}

/** Numbers are stored as [rows, 1], if there is one number per row. */
function withWidth(attrs: ParameterAttrs): ParameterAttrs {
  const [rows, ...inner] = attrs.shape;
  return { ...attrs, shape: [rows, elementCount(inner)] };
}

function partOf(parameter: Parameter): Pick<ShardTensor, "part"> {
  const columns = ownColumns(parameter);
  const { width } = parameter.shard!;
  return columns[1] - columns[0] === width ? {} : { part: { columns, width } };
}

function pickedTensor(parameter: Parameter, { keys, rows }: PickedRows, rank: number): ShardTensor {
  const { attrs, memory } = parameter;
  const inSlots = slotsOfKeys(attrs, keys, rank);
  const [begin, end] = inSlots.slots;
  const source = tensorOf({ ...parameter, attrs: ownAttrs(attrs, rank) }, rows);
  const tensor = { source, ...inSlots, ...partOf(parameter) };
  if (!attrs.byKey || begin > 0 || end === 0) return tensor;
  const [first, last] = ownColumns(parameter);
  const unknown = numbersOf(memory.dtype, last - first);
  memory.read(0, unknown);
  refuseInfiniteWeights(unknown, memory.dtype, attrs.name);
  return { ...tensor, unknown };
}

function keysTensor({ attrs }: Parameter, { keys }: PickedRows, rank: number): ShardTensor {
  const source = { dtype: "U64", shape: [keys.length], data: keys } as const;
  return { source, ...slotsOfKeys(attrs, keys, rank), areKeys: true };
}

function slotsOfKeys({ placement }: ParameterAttrs, keys: BigUint64Array, rank: number) {
  const slots = slotsOf(placement!, rank);
  return { slots, starts: slotStarts(keys, SLOTS).slice(slots[0], slots[1] + 1) };
}

function shardedTable({ table, states, picked }: SharedTable, changesTo?: Checkpoint): ShardedTable {
  const numbers = ({ attrs }: Parameter) => {
    return { name: attrs.name, dim: elementCount(attrs.shape.slice(1)), dtype: fileDtype(attrs) };
  };
  const { name, byKey, shape } = table.attrs;
  return {
    ...numbers(table),
    rows: byKey ? undefined : shape[0],
    states: states.map(numbers),
    isPartial: picked !== undefined,
    initial: changesTo ? initialIn(changesTo, name) : picked?.initial,
  };
}

/** @param outcomes by rank @throws CheckpointError for the first that failed */
function refuseFailed<T extends object>(outcomes: readonly (T | Failed)[]): asserts outcomes is readonly T[] {
  for (const [rank, outcome] of outcomes.entries()) if ("failed" in outcome) throw failedOn(rank, outcome);
}

const failureOf = (error: unknown): Failed => ({ failed: messageOf(error), host: hostname() });

const failedOn = (rank: number, { failed, host }: Failed) =>
  new CheckpointError({
    what: "a rank could not write its part of a checkpoint",
    where: rankText(rank, host),
    got: failed,
    next: `Free the disk, or repair it. ${ONE_DIRECTORY} The checkpoint before this one is complete.`,
  });
