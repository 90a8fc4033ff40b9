import { slotStarts } from "../checkpoint/key-order.js";
import { keysName } from "../checkpoint/table-layout.js";
import type { ReadInto, StoredRows, Tensors } from "../checkpoint/tensors.js";
import { placeOf, placesOf, type Shard, SLOTS, slotsOf } from "../graph/placement.js";
import { type Numbers, numbersOf } from "../half.js";
import {
  checkShape,
  fileDtype,
  fitsStored,
  type Parameter,
  readPieces,
  refusePoisoned,
  storedBesideFilled,
  toDtype,
} from "./parameter-memory.js";
import { ownColumns, ownRowOf, takeColumns } from "./shards.js";
import { ownerOf } from "./step/state.js";

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
  const stored = storedBesideFilled(file, name);
  if (stored && fitsStored(attrs, file.tensors, name)) return readOwnStored(stored, name, parameter, shard);
  const { width } = shard;
  const inSlots = file.inSlots?.(name);
  const isSameDtype = file.tensors.get(name)!.dtype === fileDtype(attrs);
  if (inSlots && isSameDtype) return readPlaces(inSlots, parameter, shard, name);
  const dtype = isSameDtype ? memory.dtype : "fp32";
  const piece = numbersOf(dtype, Math.min(PIECE_ROWS, shard.rows) * width);
  for (let first = 0; first < shard.rows; first += PIECE_ROWS) {
    const rows = piece.subarray(0, Math.min(PIECE_ROWS, shard.rows - first) * width);
    await file.readInto(name, rows, first * width);
    refusePoisoned(rows, dtype, { ...attrs, name });
    const numbers = dtype === memory.dtype ? rows : toDtype(rows as Float32Array, memory.dtype);
    takeOwnRows(parameter, shard, numbers, first);
  }
}

/** The stored rows of a sparse table that this rank has, in the order of its memory. */
async function readOwnStored(
  { rows, numbers }: StoredRows,
  name: string,
  parameter: Parameter,
  shard: Shard,
): Promise<void> {
  const { memory, attrs } = parameter;
  const { width } = shard;
  const [begin, end] = ownColumns(parameter);
  const own = end - begin;
  const piecewise = { ...attrs, name, dtype: memory.dtype, elements: rows.length * width };
  await readPieces(numbers, piecewise, (from, piece) => {
    const first = from / width;
    const taken = Array.from(rows.subarray(first, first + piece.length / width), (row, i) => {
      return { row: ownRowOf(shard, Number(row)), i };
    }).filter(({ row }) => row >= 0);
    taken.sort((a, b) => a.row - b.row);
    const values = numbersOf(memory.dtype, taken.length * own);
    taken.forEach(
      ({ i }, to) => void values.set(piece.subarray(i * width + begin, i * width + end) as never, to * own),
    );
    memory.scatter(
      BigUint64Array.from(taken, ({ row }) => BigInt(row)),
      own,
      values,
    );
  });
}

/** The rows of ranks that wrote the checkpoint are in the order of places, so those of this one follow each other. */
async function readPlaces(
  read: ReadInto,
  parameter: Parameter,
  { placement, rank, rows, width }: Shard,
  name: string,
): Promise<void> {
  const { memory, attrs } = parameter;
  const [begin, end] = placesOf(placement, rank, rows);
  const piece = numbersOf(memory.dtype, Math.min(PIECE_ROWS, end - begin) * width);
  for (let place = begin; place < end; place += PIECE_ROWS) {
    const part = piece.subarray(0, (end - place) * width);
    await read(part, place * width);
    refusePoisoned(part, memory.dtype, { ...attrs, name });
    writeRows(parameter, place - begin, part);
  }
}

/** Writes the columns that the memory has of whole rows, beginning at this row of it. */
function writeRows(parameter: Parameter, first: number, rows: Numbers): void {
  const [begin, end] = ownColumns(parameter);
  parameter.memory.write(first * (end - begin), takeColumns(rows, parameter.shard!.width, [begin, end]));
}

/**
 * The rows of the keys in this rank's slots follow each other, after the row of keys that have none. They get the rows of
 * memory that these keys get when the table is restored.
 */
async function readKept(
  file: Tensors,
  name: string,
  parameter: Parameter,
  { placement, rank, width }: Shard,
): Promise<void> {
  const { memory, attrs } = parameter;
  const table = attrs.role === "table" ? name : ownerOf(name);
  const starts = slotStarts((await file.read(keysName(table))) as BigUint64Array, SLOTS);
  const [begin, end] = slotsOf(placement, rank);
  const copy = async (from: number, to: number, rows: number): Promise<void> => {
    const piece = numbersOf(memory.dtype, Math.min(PIECE_ROWS, rows) * width);
    for (let done = 0; done < rows; done += PIECE_ROWS) {
      const part = piece.subarray(0, (rows - done) * width);
      await file.readInto(name, part, (from + done) * width);
      refusePoisoned(part, memory.dtype, { ...attrs, name });
      writeRows(parameter, to + done, part);
    }
  };
  await copy(0, 0, 1);
  await copy(1 + starts[begin], 1, starts[end] - starts[begin]);
}

/** @param first a multiple of SLOTS */
function takeOwnRows(
  parameter: Parameter,
  { rows, placement, rank, width }: Shard,
  piece: ReturnType<typeof numbersOf>,
  first: number,
): void {
  const count = piece.length / width;
  const [begin, end] = slotsOf(placement, rank);
  const [place] = placesOf(placement, rank, rows);
  for (let slot = begin; slot < end && slot < count; slot++) {
    const own = Math.ceil((count - slot) / SLOTS);
    const numbers = numbersOf(parameter.memory.dtype, own * width);
    for (let i = 0; i < own; i++) {
      const at = (slot + i * SLOTS) * width;
      numbers.set(piece.subarray(at, at + width) as never, i * width);
    }
    writeRows(parameter, placeOf(first + slot, rows) - place, numbers);
  }
}
