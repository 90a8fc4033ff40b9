import type { DynamicTranslation, KeysWithRows } from "../backends/backend.js";
import { PARTS, type Part } from "../checkpoint/checkpoint.js";
import { slotStarts } from "../checkpoint/key-order.js";
import { elementCount } from "../checkpoint/safetensors-header.js";
import {
  joinShards,
  type ShardedTable,
  type ShardTensor,
  startsOfSlots,
  type WrittenShards,
  writeShardFile,
} from "../checkpoint/shard-file.js";
import { keysName } from "../checkpoint/table-layout.js";
import type { ReadInto, Tensors } from "../checkpoint/tensors.js";
import type { CollectShards } from "../checkpoint/write.js";
import { broadcastJson, gatherJson, type World } from "../distributed/world.js";
import { CheckpointError, messageOf } from "../errors.js";
import { placeOf, placesOf, rowsOfShard, type Shard, SLOTS, slotsOf } from "../graph/placement.js";
import { numbersOf } from "../half.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { refuseInfiniteWeights } from "./diverged.js";
import {
  checkShape,
  fileDtype,
  type Parameter,
  refusePoisoned,
  tensorOf,
  toDtype,
} from "./parameter-memory.js";

/** The rows of a parameter that this rank owns; undefined if it has all. */
export function shardOf({ shape, placement }: ParameterAttrs, rank: number): Shard | undefined {
  return placement && { rows: shape[0], placement, rank };
}

/** The parameter as this rank has it: with its own rows only, of a dynamic table as many as are expected at most. */
export function ownAttrs(attrs: ParameterAttrs, rank: number): ParameterAttrs {
  const shard = shardOf(attrs, rank);
  return shard ? { ...attrs, shape: [rowsOfShard(shard), ...attrs.shape.slice(1)] } : attrs;
}

/** The row of memory that has a row of the table; -1 if another rank has it. Keys have rows of memory. */
export function ownRow({ attrs, shard }: Parameter, row: number): number {
  if (!shard || attrs.byKey) return row;
  const { placement, rank, rows } = shard;
  const [begin, end] = slotsOf(placement, rank);
  const slot = row % SLOTS;
  return slot < begin || slot >= end ? -1 : placeOf(row, rows) - placesOf(placement, rank, rows)[0];
}

/** Rows that are read at once of a table that ranks share: as many of each slot. */
const PIECE_ROWS = 64 * SLOTS;

/**
 * Reads the rows of a shard from the tensor of this name, which has all rows.
 * @throws CheckpointError if the tensor is missing, has another shape, or has numbers that are not finite
 */
export async function readShard(
  file: Tensors,
  name: string,
  parameter: Parameter,
  shard: Shard,
): Promise<void> {
  const { attrs, memory } = parameter;
  checkShape(file, name, attrs);
  if (attrs.byKey) return readKept(file, name, parameter, shard);
  const width = elementCount(attrs.shape.slice(1));
  const inSlots = file.inSlots?.(name);
  const isSameDtype = file.tensors.get(name)!.dtype === fileDtype(attrs);
  if (inSlots && isSameDtype) return readPlaces(inSlots, parameter, shard, name);
  const dtype = isSameDtype ? memory.dtype : "fp32";
  const piece = numbersOf(dtype, Math.min(PIECE_ROWS, shard.rows) * width);
  for (let first = 0; first < shard.rows; first += PIECE_ROWS) {
    const rows = piece.subarray(0, Math.min(PIECE_ROWS, shard.rows - first) * width);
    await file.readInto(name, rows, first * width);
    refusePoisoned(rows, dtype, name);
    const numbers = dtype === memory.dtype ? rows : toDtype(rows as Float32Array, memory.dtype);
    takeOwnRows(parameter, shard, numbers, first);
  }
}

/** The rows of ranks that wrote the checkpoint are in the order of places, so those of this one follow each other. */
async function readPlaces(
  read: ReadInto,
  { attrs, memory }: Parameter,
  { placement, rank, rows }: Shard,
  name: string,
): Promise<void> {
  const width = elementCount(attrs.shape.slice(1));
  const [begin, end] = placesOf(placement, rank, rows);
  const piece = numbersOf(memory.dtype, Math.min(PIECE_ROWS, end - begin) * width);
  for (let place = begin; place < end; place += PIECE_ROWS) {
    const part = piece.subarray(0, (end - place) * width);
    await read(part, place * width);
    refusePoisoned(part, memory.dtype, name);
    memory.write((place - begin) * width, part);
  }
}

/**
 * The rows of the keys in this rank's slots follow each other, after the row of keys that have none. They get the rows of
 * memory that these keys get when the table is restored.
 */
async function readKept(
  file: Tensors,
  name: string,
  { attrs, memory }: Parameter,
  { placement, rank }: Shard,
): Promise<void> {
  const [table] = name.split("/");
  const starts = slotStarts((await file.read(keysName(table))) as BigUint64Array, SLOTS);
  const [begin, end] = slotsOf(placement, rank);
  const width = elementCount(attrs.shape.slice(1));
  const copy = async (from: number, to: number, rows: number): Promise<void> => {
    const piece = numbersOf(memory.dtype, Math.min(PIECE_ROWS, rows) * width);
    for (let done = 0; done < rows; done += PIECE_ROWS) {
      const part = piece.subarray(0, (rows - done) * width);
      await file.readInto(name, part, (from + done) * width);
      refusePoisoned(part, memory.dtype, name);
      memory.write((to + done) * width, part);
    }
  };
  await copy(0, 0, 1);
  await copy(1 + starts[begin], 1, starts[end] - starts[begin]);
}

/** @param first a multiple of SLOTS */
function takeOwnRows(
  { memory }: Parameter,
  { rows, placement, rank }: Shard,
  piece: ReturnType<typeof numbersOf>,
  first: number,
): void {
  const width = memory.elements / rowsOfShard({ rows, placement, rank });
  const count = piece.length / width;
  const [begin, end] = slotsOf(placement, rank);
  const [place] = placesOf(placement, rank, rows);
  for (let slot = begin; slot < end && slot < count; slot++) {
    const own = Math.ceil((count - slot) / SLOTS);
    const numbers = numbersOf(memory.dtype, own * width);
    for (let i = 0; i < own; i++) {
      const at = (slot + i * SLOTS) * width;
      numbers.set(piece.subarray(at, at + width) as never, i * width);
    }
    memory.write((placeOf(first + slot, rows) - place) * width, numbers);
  }
}

/** A table that ranks share, with its optimizer states. */
export interface SharedTable {
  readonly table: Parameter;
  readonly states: readonly Parameter[];
  /** Of a dynamic table: the keys whose rows this rank keeps. */
  readonly kept?: KeptKeys;
}

export type KeptKeys = Pick<KeysWithRows, "keys" | "rows">;

/** The keys whose rows this rank keeps. */
export function keptKeys(table: DynamicTranslation): KeptKeys {
  const { keys, rows } = table.keys();
  return { keys: keys.filter((_, i) => rows[i] >= 0), rows: rows.filter((row) => row >= 0) };
}

/** The checkpoints of ranks that share tables: each rank writes its rows, and rank 0 the rest. */
export class ShardCheckpoints {
  constructor(
    private readonly world: World,
    private readonly tables: () => readonly SharedTable[],
  ) {}

  /**
   * Saves on rank 0, while the others write what they own; all ranks call it at the same time.
   * @param save writes the checkpoint, with `collect` if it writes one. Only rank 0 calls it
   * @throws CheckpointError on every rank, if one of them fails
   */
  async saving<T>(save: () => Promise<T>): Promise<T | undefined> {
    if (this.world.rank > 0) return this.assist();
    try {
      const saved = await save();
      await this.tell({ done: true });
      return saved;
    } catch (error) {
      await this.tell({ failed: messageOf(error) });
      throw error;
    }
  }

  /** Lets every rank write its rows into this directory. */
  readonly collect: CollectShards = async (dir, parts = PARTS) => {
    const place = { dir, parts };
    await this.tell(place);
    const written = await this.write(place);
    refuseFailed(written);
    return joinShards(this.tablesIn(parts).map(shardedTable), written);
  };

  /** The tables, without their states where only the model is written. */
  private tablesIn(parts: readonly Part[]): readonly SharedTable[] {
    const withStates = parts.includes("optimizer");
    return this.tables().map((shared) => (withStates ? shared : { ...shared, states: [] }));
  }

  private async assist(): Promise<undefined> {
    const order = await this.tell();
    const written = "dir" in order ? await this.write(order) : [];
    const outcome = "dir" in order ? await this.tell() : order;
    refuseFailed(written);
    refuseFailed([outcome]);
  }

  /** The order of rank 0, which gives it, on every rank. */
  private tell(order?: Order): Promise<Order> {
    return broadcastJson(this.world, order);
  }

  /** Writes the rows of this rank. Returns what every rank has written. */
  private async write(place: Place): Promise<(WrittenShards | Failed)[]> {
    return gatherJson(this.world, await this.writeOwn(place));
  }

  private async writeOwn({ dir, parts }: Place): Promise<WrittenShards | Failed> {
    try {
      const { rank } = this.world;
      const shards = this.tablesIn(parts).flatMap(({ table, states, kept }) =>
        [table, ...states].map(
          (each) => [each.attrs.name, kept ? keptTensor(each, kept, rank) : shardTensor(each, rank)] as const,
        ),
      );
      return await writeShardFile(dir, this.world.rank, new Map(shards));
    } catch (error) {
      return { failed: messageOf(error) };
    }
  }
}

interface Failed {
  readonly failed: string;
}
/** Where and what to write. */
interface Place {
  readonly dir: string;
  readonly parts: readonly Part[];
}
/** What rank 0 tells the others: to write, or what became of the checkpoint. */
type Order = Failed | Place | { readonly done: true };

function shardTensor(parameter: Parameter, rank: number): ShardTensor {
  const { attrs } = parameter;
  const own = ownAttrs(attrs, rank);
  const [rows, ...inner] = own.shape;
  const source = tensorOf({ ...parameter, attrs: { ...own, shape: [rows, elementCount(inner)] } });
  const slots = slotsOf(attrs.placement!, rank);
  return { source, slots, starts: startsOfSlots(attrs.shape[0], slots) };
}

/** The rows of the keys that a rank keeps. */
function keptTensor(parameter: Parameter, { keys, rows }: KeptKeys, rank: number): ShardTensor {
  const { attrs, memory } = parameter;
  const slots = slotsOf(attrs.placement!, rank);
  const [begin, end] = slots;
  const unsigned = new BigUint64Array(keys.buffer, keys.byteOffset, keys.length);
  const starts = slotStarts(unsigned, SLOTS).slice(begin, end + 1);
  const source = tensorOf(parameter, Uint32Array.from(rows));
  if (begin > 0 || end === 0) return { source, slots, starts };
  const unknown = numbersOf(memory.dtype, elementCount(attrs.shape.slice(1)));
  memory.read(0, unknown);
  refuseInfiniteWeights(unknown, memory.dtype, attrs.name);
  return { source, slots, starts, unknown };
}

function shardedTable({ table, states, kept }: SharedTable): ShardedTable {
  const numbers = ({ attrs }: Parameter) => {
    return { name: attrs.name, dim: elementCount(attrs.shape.slice(1)), dtype: fileDtype(attrs) };
  };
  return { ...numbers(table), rows: kept ? undefined : table.attrs.shape[0], states: states.map(numbers) };
}

/** @param outcomes by rank @throws CheckpointError for the first that failed */
function refuseFailed<T extends object>(outcomes: readonly (T | Failed)[]): asserts outcomes is readonly T[] {
  for (const [rank, outcome] of outcomes.entries())
    if ("failed" in outcome)
      throw new CheckpointError({
        what: "a rank could not write its part of a checkpoint",
        where: `rank ${rank}`,
        got: outcome.failed,
        next: "Free the disk, or repair it. The checkpoint before this one is complete.",
      });
}
