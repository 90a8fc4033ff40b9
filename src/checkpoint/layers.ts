import { CheckpointError } from "../errors.js";
import { compareKeys, firstOutOfOrder, type KeyWords, keysAt, positionsOf, wordsOf } from "./key-order.js";
import { DAMAGED_NEXT } from "./manifest.js";
import type { Table } from "./table-layout.js";

/**
 * The rows of one checkpoint of a chain: its row `positions[i]` is row `places[i]` of the table. Places ascend; where one is
 * absent, it is i. Rows of later layers replace those of earlier ones.
 */
export interface Layer {
  readonly rows: number;
  readonly positions?: ArrayLike<number>;
  readonly places?: ArrayLike<number>;
}

/** The row numbers that a checkpoint has of a table of fixed size. */
export interface NumberedRows {
  /** In ascending order. */
  readonly numbers: BigUint64Array;
  /** Where the row of each number is among those of the checkpoint; absent: in the same order. */
  readonly positions?: Uint32Array;
}

/** What a checkpoint has of a growing table, in the order of slots. */
export interface KeyedRows {
  readonly keys: BigUint64Array;
  readonly deleted: BigUint64Array;
}

/** The keys of a table after all changes, and the rows of each checkpoint among them, from the base on. */
export interface MergedRows {
  /** Of a growing table; of a sparse one, the numbers of its stored rows. */
  readonly keys: BigUint64Array;
  readonly layers: readonly Layer[];
}

/** @throws CheckpointError unless the keys ascend in the order of slots */
export function checkKeyOrder(keys: BigUint64Array, slots: number, where: string): void {
  const at = firstOutOfOrder(keys, slots);
  if (at >= 0)
    throw wrongKeys(where, `key ${keys[at]} after ${keys[at - 1]}`, "ascending keys, slot by slot");
}

/** The layer of changes to a table of fixed size. */
export const layerOfRows = ({ numbers, positions }: NumberedRows): Layer => ({
  rows: numbers.length,
  positions,
  places: Float64Array.from(numbers, Number),
});

/**
 * The row numbers of a table of fixed size, which are stored in the order that the table has.
 * @throws CheckpointError unless they are in this order, and below the number of its rows
 */
export function numberedRows(
  stored: BigUint64Array,
  { order, slots, rows }: Pick<Table, "order" | "slots" | "rows">,
  where: string,
): NumberedRows {
  const wrong = firstOutOfOrder(stored, order === "slots" ? slots : 1);
  const numbers = order === "slots" ? stored.toSorted() : stored;
  const largest = numbers.at(-1) ?? -1n;
  if (wrong >= 0 || largest >= rows!) {
    const row = wrong >= 0 ? stored[wrong] : largest;
    throw wrongKeys(where, `row ${row}`, `row numbers below ${rows}, in the order of ${order}`);
  }
  return order === "slots" ? { numbers, positions: positionsOf(numbers, slots) } : { numbers };
}

/**
 * Merges the keys of a chain, from the base on: those of a later checkpoint replace or remove those of earlier ones.
 * @throws CheckpointError if a checkpoint has a key that it removes
 */
export function mergeKeys(chain: readonly KeyedRows[], slots: number, where: string): MergedRows {
  const [base, ...changes] = chain.map((rows, i) => entriesOf(rows, i, slots, where));
  if (changes.length === 0) return { keys: base.keys, layers: [{ rows: base.keys.length }] };
  // Changes are few: merging them with each other first leaves one pass over the base.
  const all = changes.reduce((before, after) => merge(before, after, slots));
  return layersOf(merge(base, all, slots), chain.length);
}

/** Keys in order, each with the checkpoint and the row that it comes from, or with the mark of a removed key. */
interface Entries {
  readonly keys: BigUint64Array;
  readonly sources: Uint32Array;
  readonly positions: Uint32Array;
}

const REMOVED = 2 ** 32 - 1;

function entriesOf({ keys, deleted }: KeyedRows, source: number, slots: number, where: string): Entries {
  const positions = new Uint32Array(keys.length);
  for (let i = 0; i < keys.length; i++) positions[i] = i;
  const rows = { keys, sources: new Uint32Array(keys.length).fill(source), positions };
  if (deleted.length === 0) return rows;
  const marks = new Uint32Array(deleted.length).fill(REMOVED);
  const merged = merge(rows, { keys: deleted, sources: marks, positions: marks }, slots);
  if (merged.keys.length === keys.length + deleted.length) return merged;
  throw wrongKeys(where, "keys that are both changed and deleted", "each key once");
}

/** Of equal keys, the entry of `after` stays. */
function merge(before: Entries, after: Entries, slots: number): Entries {
  const most = before.keys.length + after.keys.length;
  const keys = new BigUint64Array(most);
  const [sources, positions] = [new Uint32Array(most), new Uint32Array(most)];
  const [a, b, words] = [before.keys, after.keys, keys].map(wordsOf);
  let count = 0;
  const take = (from: Entries, own: KeyWords, index: number) => {
    words[2 * count] = own[2 * index];
    words[2 * count + 1] = own[2 * index + 1];
    sources[count] = from.sources[index];
    positions[count++] = from.positions[index];
  };
  for (let i = 0, j = 0; i < before.keys.length || j < after.keys.length; ) {
    const order =
      i === before.keys.length ? 1 : j === after.keys.length ? -1 : compareKeys(a, i, b, j, slots);
    if (order < 0) take(before, a, i);
    else take(after, b, j);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return {
    keys: keys.subarray(0, count),
    sources: sources.subarray(0, count),
    positions: positions.subarray(0, count),
  };
}

/** The entries that are rows, by checkpoint. */
function layersOf({ keys, sources, positions }: Entries, checkpoints: number): MergedRows {
  const counts = new Float64Array(checkpoints);
  for (let i = 0; i < keys.length; i++) if (positions[i] !== REMOVED) counts[sources[i]]++;
  const layers = Array.from(counts, (rows) => ({
    rows,
    positions: new Uint32Array(rows),
    places: new Uint32Array(rows),
  }));
  const filled = new Float64Array(checkpoints);
  const kept = new Uint32Array(counts.reduce((a, b) => a + b, 0));
  let place = 0;
  for (let i = 0; i < keys.length; i++) {
    if (positions[i] === REMOVED) continue;
    const source = sources[i];
    layers[source].positions[filled[source]] = positions[i];
    layers[source].places[filled[source]++] = place;
    kept[place++] = i;
  }
  return { keys: keysAt(keys, kept), layers };
}

/** The rows of a sparse table in a chain, from the base on: those of a later checkpoint replace those of earlier ones. */
export function mergeNumbered(chain: readonly NumberedRows[], where: string): MergedRows {
  const none = new BigUint64Array(0);
  const merged = mergeKeys(
    chain.map(({ numbers }) => ({ keys: numbers, deleted: none })),
    1,
    where,
  );
  const layers = merged.layers.map((layer, i): Layer => {
    const { positions } = chain[i];
    if (!positions || !layer.positions) return { ...layer, positions: positions ?? layer.positions };
    return { ...layer, positions: Uint32Array.from(layer.positions, (position) => positions[position]) };
  });
  return { ...merged, layers };
}

function wrongKeys(where: string, got: string, expected: string): CheckpointError {
  return new CheckpointError({
    what: "the keys of a table are inconsistent",
    where,
    got,
    expected,
    next: DAMAGED_NEXT,
  });
}
