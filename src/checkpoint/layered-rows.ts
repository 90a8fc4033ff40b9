import { DTYPE_BYTES } from "./dtypes.js";
import type { Layer } from "./layers.js";
import type { InitialValues, Table, TableNumbers } from "./table-layout.js";
import type { TableReader } from "./table-reader.js";

/** The part of a layer in one checkpoint. */
export interface LayerNumbers {
  readonly reader: TableReader;
  readonly table: Table;
  readonly numbers: TableNumbers;
  readonly layer: Layer;
}

/** Weights of a table, or one of its states. */
export interface LayeredNumbers extends Pick<TableNumbers, "dtype" | "dim"> {
  /** Those that have rows, from the base on. */
  readonly layers: readonly LayerNumbers[];
  /** With the row of keys that have none, if there is one. */
  readonly rows: number;
  /** 1 if the first row is the row of keys that have none: the newest checkpoint has it outside of all ranges. */
  readonly leading: number;
  /** Of a sparse table. */
  readonly sparse?: SparseNumbers;
}

/** The numbers of a table of which only some rows are stored; the others have initial values. */
export interface SparseNumbers {
  readonly rows: number;
  /** The numbers of the stored rows, ascending. */
  readonly stored: BigUint64Array;
  readonly initial: InitialValues;
}

export const bytesOfRow = ({ dim, dtype }: Pick<TableNumbers, "dim" | "dtype">) => dim * DTYPE_BYTES[dtype];

/** Copies bytes of the rows of all layers, beginning at byte `from`. */
export async function readRows(own: LayeredNumbers, into: Uint8Array, from: number): Promise<void> {
  if (into.length === 0) return;
  const rowBytes = bytesOfRow(own);
  const [base, ...changes] = own.layers;
  if (changes.length === 0 && !base.layer.places && !base.layer.positions)
    return base.reader.readBytes(base.table, base.numbers, into, from);
  const [first, end] = [Math.floor(from / rowBytes), Math.ceil((from + into.length) / rowBytes)];
  const whole = (end - first) * rowBytes === into.length;
  const rows = whole ? into : new Uint8Array((end - first) * rowBytes);
  for (const layer of own.layers) await readLayer(layer, rows, { first, end, rowBytes });
  if (!whole) into.set(rows.subarray(from - first * rowBytes).subarray(0, into.length));
}

/** Most bytes that are read at once of a layer only some of whose rows are needed, and most rows that are put in order at once. */
const SCATTERED_BYTES = 4 << 20;
const SCATTERED_ROWS = 1 << 20;

interface PlacesToRead {
  readonly first: number;
  readonly end: number;
  readonly rowBytes: number;
}

/** Copies those of the rows [first, end) that a layer has. */
async function readLayer(own: LayerNumbers, into: Uint8Array, wanted: PlacesToRead): Promise<void> {
  const { reader, table, numbers, layer } = own;
  const { rows, positions, places } = layer;
  const { first, end, rowBytes } = wanted;
  if (!places && !positions) return reader.readBytes(table, numbers, into, first * rowBytes);
  const [begin, last] = places
    ? [first, end].map((place) => firstAtLeast(places, rows, place))
    : [first, end];
  for (let from = begin; from < last; from += SCATTERED_ROWS)
    await readScattered(own, into, wanted, [from, Math.min(last, from + SCATTERED_ROWS)]);
}

/** Copies the rows [begin, end) of a layer, in the order in which the file has them. */
async function readScattered(
  { reader, table, numbers, layer }: LayerNumbers,
  into: Uint8Array,
  { first, rowBytes }: PlacesToRead,
  [begin, end]: readonly [number, number],
): Promise<void> {
  const { positions, places } = inFileOrder(layer, begin, end);
  const most = Math.max(1, Math.floor(SCATTERED_BYTES / rowBytes));
  for (let n = 0; n < places.length; ) {
    const start = positions[n];
    let next = n + 1;
    while (next < places.length && positions[next] - start < most) next++;
    const read = new Uint8Array((positions[next - 1] + 1 - start) * rowBytes);
    await reader.readBytes(table, numbers, read, start * rowBytes);
    while (n < next) {
      const rows = neighbours(positions, places, n, next);
      const at = (positions[n] - start) * rowBytes;
      into.set(read.subarray(at, at + rows * rowBytes), (places[n] - first) * rowBytes);
      n += rows;
    }
  }
}

/** How many rows from row n on, below `end`, follow each other in the file and in the table. */
function neighbours(positions: Float64Array, places: Float64Array, n: number, end: number): number {
  let next = n + 1;
  while (next < end && positions[next] - next === positions[n] - n && places[next] - next === places[n] - n)
    next++;
  return next - n;
}

/** Where the file and the table have the rows [begin, end) of a layer, by their positions in the file. */
function inFileOrder(layer: Layer, begin: number, end: number) {
  const [positions, places] = [layer.positions, layer.places].map((all) => part(all, begin, end));
  if (isAscending(positions)) return { positions, places };
  const order = orderOf(positions);
  return { positions: order.map((n) => positions[n]), places: order.map((n) => places[n]) };
}

/** The numbers [begin, end) of a list; without one, each is its index. */
function part(list: ArrayLike<number> | undefined, begin: number, end: number): Float64Array {
  const numbers = new Float64Array(end - begin);
  for (let n = 0; n < numbers.length; n++) numbers[n] = list ? list[begin + n] : begin + n;
  return numbers;
}

function isAscending(numbers: Float64Array): boolean {
  for (let n = 1; n < numbers.length; n++) if (numbers[n] < numbers[n - 1]) return false;
  return true;
}

/** The indices of some numbers, in their order. */
function orderOf(numbers: Float64Array): Float64Array {
  const count = numbers.length;
  // Numbers are sorted natively; a comparison in JavaScript would take ten times as long. Both parts fit in 53 bits.
  const packed = numbers.map((number, n) => number * count + n).sort();
  return packed.map((each) => each % count);
}

/** The index of the first of `count` ascending numbers that is at least `limit`. */
export function firstAtLeast(numbers: ArrayLike<number | bigint>, count: number, limit: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
