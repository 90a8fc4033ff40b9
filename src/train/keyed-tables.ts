import type { ChangeConsumer, DynamicTranslation, Memory } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { compareKeys, keysAt, wordsOf } from "../checkpoint/key-order.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import { keysName, SLOTS } from "../checkpoint/table-layout.js";
import type { Tensors } from "../checkpoint/tensors.js";
import { CheckpointError } from "../errors.js";
import type { Parameter } from "./parameter-memory.js";
import type { RowsOfTables, SavedRows } from "./saved-rows.js";

/*
 * Dynamic tables in checkpoints. The state of a translation is: numbers of the table as a whole, the last of which is the
 * number of keys; the keys; a score for each; counters of admission. A checkpoint has the keys beside the weights of each
 * table, the scores as a state of the first one, and the other numbers as one tensor.
 */

/** The numbers at the start of the state of a dynamic table. */
const HEADER = 8;

/** The changes since a checkpoint, as one of those sees them who want to know what has changed. */
export interface ChangesSince {
  readonly changesTo: Checkpoint;
  readonly consumer: ChangeConsumer;
  /** The changed keys of the tables that ranks share, by the name of the translation. */
  readonly keys?: ReadonlyMap<string, BigUint64Array>;
}

/** What a checkpoint gets of dynamic tables. */
export interface SavedKeys {
  readonly rows: RowsOfTables;
  readonly model: ReadonlyMap<string, TensorSource>;
  readonly optimizer: ReadonlyMap<string, TensorSource>;
}

/** The name of the state with what eviction goes by. */
const scoresName = (table: string) => `${table}/score`;

/** A translation of keys, and the tables whose rows it gives to them: their names, or also their memory. */
export interface KeyedTables<Table = Parameter> {
  /** The name of the tensor with its numbers. */
  readonly state: string;
  readonly translation: DynamicTranslation;
  readonly tables: readonly Table[];
}

/** @param changes only what has changed; default everything */
export async function savedKeys(all: readonly KeyedTables[], changes?: ChangesSince): Promise<SavedKeys> {
  const saved = await Promise.all(all.map((table) => savedTable(table, changes)));
  return {
    rows: new Map(saved.flatMap(({ rows }) => [...rows])),
    model: new Map(saved.map(({ numbers }) => numbers)),
    optimizer: new Map(saved.map(({ scores }) => scores)),
  };
}

async function savedTable({ state, translation, tables }: KeyedTables, changes?: ChangesSince) {
  const saved = translation.saved();
  const { header, keys, scores, counters } = partsOf(saved.state);
  const [{ attrs: first }] = tables;
  const listed = changes?.keys?.get(first.translation!);
  const chosen = listed
    ? placesAmong(listed, keys)
    : changes && changedPlaces(saved.rows, tables, changes.consumer);
  const picked = (values: BigUint64Array) => (chosen ? keysAt(values, chosen) : values);
  const memoryRows = withUnknown(saved.rows, chosen);
  const deleted = changes && (await removedSince(changes.changesTo, first.name, keys));
  const content = { capacity: translation.rows - 1, keys: picked(keys), ...(deleted && { deleted }) };
  return {
    rows: tables.map(({ attrs: { name } }): [string, SavedRows] => [
      name,
      { rows: memoryRows, content, states: name === first.name ? [scoresName(name)] : [] },
    ]),
    numbers: [state, integers("I64", joined(header, counters))] as const,
    scores: [scoresName(first.name), integers("U64", picked(scores))] as const,
  };
}

const integers = (dtype: "I64" | "U64", data: BigInt64Array | BigUint64Array): TensorSource => ({
  ...{ dtype, shape: [data.length], data },
});

function joined(...parts: readonly BigInt64Array[]): BigInt64Array {
  const all = new BigInt64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function partsOf(state: BigInt64Array) {
  const size = Number(state[HEADER - 1]);
  const unsigned = (values: BigInt64Array) =>
    new BigUint64Array(values.buffer, values.byteOffset, values.length);
  return {
    header: state.subarray(0, HEADER),
    keys: unsigned(state.subarray(HEADER, HEADER + size)),
    scores: unsigned(state.subarray(HEADER + size, HEADER + 2 * size)),
    counters: state.subarray(HEADER + 2 * size),
  };
}

/** The places of some keys among all; both are in the order of slots. */
function placesAmong(keys: BigUint64Array, all: BigUint64Array): Uint32Array {
  let place = -1;
  return Uint32Array.from(keys, (key) => {
    place = all.indexOf(key, place + 1);
    return place;
  });
}

/** Row 0, that of keys without one, then the rows at these places, by default all. */
function withUnknown(rows: Float64Array, places?: Uint32Array): Uint32Array {
  const all = new Uint32Array(1 + (places ?? rows).length);
  if (places) for (let i = 0; i < places.length; i++) all[i + 1] = rows[places[i]];
  else all.set(rows, 1);
  return all;
}

/** The places, in the order of keys, of those whose row was updated in any of the tables. */
export function changedPlaces(
  rows: Float64Array | Uint32Array,
  tables: readonly Parameter[],
  consumer: ChangeConsumer,
): Uint32Array {
  const changed = tables.map(({ attrs, memory }) => flagsOf(memory, attrs.shape[0]));
  const places = new Uint32Array(rows.length);
  let count = 0;
  for (let i = 0; i < rows.length; i++)
    if (changed.some((flags) => (flags[rows[i]] >> consumer) & 1)) places[count++] = i;
  return places.slice(0, count);
}

function flagsOf(memory: Memory, rows: number): Uint8Array {
  const flags = new Uint8Array(rows);
  memory.readChanges(0, flags);
  return flags;
}

/** The keys that a table had in a checkpoint and has no longer. */
async function removedSince(
  checkpoint: Checkpoint,
  table: string,
  now: BigUint64Array,
): Promise<BigUint64Array> {
  const file = await checkpoint.openModel();
  try {
    return without((await file.read(keysName(table))) as BigUint64Array, now);
  } finally {
    await file.close();
  }
}

/** The keys that are in the first list only; both are in the order of slots. */
function without(keys: BigUint64Array, others: BigUint64Array): BigUint64Array {
  const [a, b] = [wordsOf(keys), wordsOf(others)];
  const places = new Uint32Array(keys.length);
  let count = 0;
  for (let i = 0, j = 0; i < keys.length; i++) {
    while (j < others.length && compareKeys(b, j, a, i, SLOTS) < 0) j++;
    if (j === others.length || compareKeys(b, j, a, i, SLOTS) !== 0) places[count++] = i;
  }
  return keysAt(keys, places.subarray(0, count));
}

/**
 * Restores the keys of a table: row i + 1 then belongs to key i of the checkpoint.
 * @param optimizer the states of the checkpoint; without them, keys have no scores, and no key can be evicted sensibly
 * @throws CheckpointError if a part is missing or does not fit
 */
export async function loadKeys(
  { state, translation, tables: [{ name: table }] }: KeyedTables<{ readonly name: string }>,
  model: Tensors,
  optimizer?: Tensors,
): Promise<void> {
  const keys = (await model.read(keysName(table))) as BigUint64Array;
  const numbers = (await model.read(state)) as BigInt64Array;
  const scores = new BigUint64Array(keys.length);
  await optimizer?.readInto(scoresName(table), scores);
  if (numbers.length < HEADER || numbers[HEADER - 1] !== BigInt(keys.length))
    throw otherKeys(state, keys.length);
  const [header, counters] = [numbers.subarray(0, HEADER), numbers.subarray(HEADER)];
  translation.restore(joined(header, signed(keys), signed(scores), counters));
}

const signed = ({ buffer, byteOffset, length }: BigUint64Array) =>
  new BigInt64Array(buffer, byteOffset, length);

function otherKeys(where: string, keys: number): CheckpointError {
  return new CheckpointError({
    what: "the numbers of a dynamic table do not belong to its keys",
    where,
    got: `${keys} keys`,
    next: "Use another checkpoint of the run: this one was written incorrectly.",
  });
}
