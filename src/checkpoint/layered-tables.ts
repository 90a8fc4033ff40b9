import { CheckpointError } from "../errors.js";
import { ARRAY_OF, bytesOf, DTYPE_BYTES, type Dtype, type TensorArray } from "./dtypes.js";
import { arrayFor, checkRange, PIECE, readElements } from "./file-bytes.js";
import { bytesOfRow, type LayeredNumbers, readRows, type SparseNumbers } from "./layered-rows.js";
import {
  checkKeyOrder,
  type KeyedRows,
  layerOfRows,
  type MergedRows,
  mergeKeys,
  mergeNumbered,
  numberedRows,
} from "./layers.js";
import { DAMAGED_NEXT } from "./manifest.js";
import { isSparse, keysName, type Table, type TableNumbers } from "./table-layout.js";
import { inSlots, type TableReader } from "./table-reader.js";
import { noSuchTensor, type ReadInto, type Tensors } from "./tensors.js";

/** The tables of one checkpoint of a chain, by name. */
export interface ChainedTables {
  readonly dir: string;
  readonly tables: ReadonlyMap<string, Table>;
  readonly reader: TableReader;
}

/** Which numbers of a table are read: its weights, or its states. */
export type NumbersOf = (table: Table) => readonly TableNumbers[];

/**
 * The tables of a chain of checkpoints, as a complete checkpoint would have them: what the base has, replaced by what later
 * checkpoints changed. Tensors are [rows, dim]. Those of a growing table begin with the row of keys that have none, followed
 * by the rows of its keys in the order of slots; `<table>/keys` has the keys. Those of a sparse table are its stored rows.
 */
export class LayeredTables implements Tensors {
  readonly tensors: Tensors["tensors"];
  private readonly dir: string;

  /**
   * @param chain from the base on
   * @param rest the other tensors of the newest checkpoint
   * @throws CheckpointError if the keys of a table are not as a checkpoint has them
   */
  static async open(chain: readonly ChainedTables[], numbersOf: NumbersOf, rest: Tensors) {
    const numbers = new Map<string, LayeredNumbers>();
    const keys = new Map<string, BigUint64Array>();
    for (const table of chain.at(-1)!.tables.values()) {
      const merged = await merge(chain, table);
      if (table.capacity !== undefined) keys.set(keysName(table.name), merged.keys);
      numbersOf(table).forEach(({ name }) => {
        numbers.set(name, layered(chain, table, { name, numbersOf }, merged));
      });
    }
    return new LayeredTables(numbers, keys, chain, rest);
  }

  private constructor(
    private readonly numbers: ReadonlyMap<string, LayeredNumbers>,
    private readonly keys: ReadonlyMap<string, BigUint64Array>,
    private readonly chain: readonly ChainedTables[],
    private readonly rest: Tensors,
  ) {
    this.dir = chain.at(-1)!.dir;
    type Entry = [string, { readonly dtype: Dtype; readonly shape: readonly number[] }];
    const ofNumbers = [...numbers].map(
      ([name, { dtype, dim, rows }]): Entry => [name, { dtype, shape: [rows, dim] }],
    );
    const ofKeys = [...keys].map(([name, { length }]): Entry => [name, { dtype: "U64", shape: [length] }]);
    this.tensors = new Map([...ofNumbers, ...ofKeys]);
  }

  /** The tensors of sparse tables. */
  get sparse(): ReadonlyMap<string, SparseNumbers> {
    return new Map([...this.numbers].flatMap(([name, { sparse }]) => (sparse ? [[name, sparse]] : [])));
  }

  async read(name: string): Promise<TensorArray> {
    const keys = this.keys.get(name);
    if (keys) return keys;
    const { dtype, rows, dim } = this.having(name);
    const destination = arrayFor(dtype, rows * dim, `${this.dir}: ${name}`);
    await this.readInto(name, destination);
    return destination;
  }

  async readInto(name: string, destination: TensorArray, from = 0): Promise<void> {
    const where = `${this.dir}: ${name}`;
    const keys = this.keys.get(name);
    const { dtype, rows, dim } = keys
      ? { dtype: "U64" as const, rows: keys.length, dim: 1 }
      : this.having(name);
    checkRange(where, from, destination.length, rows * dim);
    if (keys && destination instanceof BigUint64Array)
      return destination.set(keys.subarray(from, from + destination.length));
    const start = from * DTYPE_BYTES[dtype];
    const readBytes = (into: Uint8Array, at: number) => this.readBytes(name, into, start + at);
    await readElements(readBytes, dtype, destination, where);
  }

  /** Whole rows; where consecutive rows are spread over all slots, enough to make each read worthwhile. */
  pieceOf(name: string): number {
    if (this.keys.has(name)) return PIECE;
    const { dim, layers } = this.having(name);
    const elements = layers.some(({ table: { order } }) => order === "slots") ? 16 * PIECE : PIECE;
    return Math.max(1, Math.floor(elements / dim)) * dim;
  }

  locate(name: string) {
    if (this.keys.has(name)) return undefined;
    const own = this.having(name);
    const [only, ...others] = own.layers;
    if (!only || others.length > 0 || only.layer.positions || only.layer.places) return undefined;
    const place = only.reader.locate(only.table, only.numbers);
    if (own.leading === 0 || !place) return place;
    const whole = this.rest.locate(name);
    const follows = whole?.path === place.path && whole.offset + bytesOfRow(own) === place.offset;
    return follows ? whole : undefined;
  }

  inSlots(name: string): ReadInto | undefined {
    const own = this.numbers.get(name);
    const [only, ...others] = own?.layers ?? [];
    if (!own || !only || others.length > 0 || !inSlots(only.table)) return undefined;
    const size = DTYPE_BYTES[own.dtype];
    return (destination, from) => {
      const readBytes = (into: Uint8Array, at: number) =>
        only.reader.readStored(only.numbers, into, from * size + at);
      return readElements(readBytes, own.dtype, destination, `${this.dir}: ${name}`);
    };
  }

  async close(): Promise<void> {
    for (const { reader } of this.chain) await reader.close();
  }

  private having(name: string): LayeredNumbers {
    const found = this.numbers.get(name);
    if (found) return found;
    throw noSuchTensor(name, this.tensors, this.dir);
  }

  /** Copies bytes of rows, beginning at byte `from`. */
  private async readBytes(name: string, into: Uint8Array, from: number): Promise<void> {
    const own = this.having(name);
    const rowBytes = bytesOfRow(own);
    const leading = own.leading * rowBytes;
    const skipped = Math.min(into.length, Math.max(0, leading - from));
    if (skipped > 0) into.set((await this.unknownRow(name, own)).subarray(from, from + skipped));
    await readRows(own, into.subarray(skipped), from + skipped - leading);
  }

  /** The row of keys that have none. */
  private async unknownRow(name: string, own: LayeredNumbers): Promise<Uint8Array> {
    const row = new ARRAY_OF[own.dtype](own.dim);
    await this.rest.readInto(name, row);
    return bytesOf(row);
  }
}

async function merge(chain: readonly ChainedTables[], table: Table): Promise<MergedRows> {
  const loaded = await Promise.all(
    chain.map(async ({ dir, tables, reader }) => {
      const own = tables.get(table.name)!;
      const { keys = [], deleted = [] } = own;
      const where = `${dir}: ${table.name}`;
      return { where, own, keys: await reader.readKeys(keys), deleted: await reader.readKeys(deleted) };
    }),
  );
  const { rows } = table;
  if (rows === undefined) return mergeGrowing(loaded, table);
  const ofFixed = isSparse(table) ? loaded : loaded.slice(1);
  const numbered = ofFixed.map(({ keys, own, where }) => numberedRows(keys, own, where));
  if (isSparse(table)) return mergeNumbered(numbered, loaded.at(-1)!.where);
  return { keys: new BigUint64Array(0), layers: [{ rows }, ...numbered.map(layerOfRows)] };
}

function mergeGrowing(
  loaded: readonly (KeyedRows & { readonly where: string })[],
  { capacity, slots }: Table,
): MergedRows {
  for (const { keys, deleted, where } of loaded)
    for (const each of [keys, deleted]) checkKeyOrder(each, slots, where);
  const merged = mergeKeys(loaded, slots, loaded.at(-1)!.where);
  if (merged.keys.length <= capacity!) return merged;
  throw new CheckpointError({
    what: "the checkpoint and those that it is based on have more keys than the table has room for",
    where: loaded.at(-1)!.where,
    got: `${merged.keys.length} keys`,
    expected: `at most ${capacity}`,
    next: DAMAGED_NEXT,
  });
}

function layered(
  chain: readonly ChainedTables[],
  table: Table,
  { name, numbersOf }: { readonly name: string; readonly numbersOf: NumbersOf },
  merged: MergedRows,
): LayeredNumbers {
  const layers = chain.map(({ reader, tables }, i) => {
    const own = tables.get(table.name)!;
    const numbers = numbersOf(own).find((each) => each.name === name)!;
    return { reader, table: own, numbers, layer: merged.layers[i] };
  });
  const { dtype, dim, unknown, initial } = layers.at(-1)!.numbers;
  const leading = unknown ? 1 : 0;
  const sparse = initial && { rows: table.rows!, stored: merged.keys, initial };
  const rows = leading + (sparse || table.rows === undefined ? merged.keys.length : table.rows);
  return { dtype, dim, leading, rows, sparse, layers: layers.filter(({ layer }) => layer.rows > 0) };
}
