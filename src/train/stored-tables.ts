import type { Backend, Memory, StoredColumn, StoredRowsSpec, Translation } from "../backends/backend.js";
import { bytesOf } from "../checkpoint/dtypes.js";
import type { StoredRows, Tensors } from "../checkpoint/tensors.js";
import type { RowInitializer } from "../graph/initializer.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { checkMapped, elementsOf, fitsStored, readPieces } from "./parameter-memory.js";
import type { RowsOfTables } from "./saved-rows.js";

/** Of one translation: the tables of a checkpoint that have only some rows, the same ones. */
export interface StoredTable extends StoredRowsSpec {
  readonly columns: readonly (StoredColumn & { readonly name: string; readonly init: RowInitializer })[];
}

/** By the name of the translation. */
export type StoredTables = ReadonlyMap<string, StoredTable>;

/**
 * Maps or reads the stored rows of sparse tables. Tables that are not here must be read with all their rows.
 * @param mayMap false: they are read into memory
 */
export async function storedTables(
  file: Tensors,
  backend: Backend,
  attrs: readonly ParameterAttrs[],
  mayMap: boolean,
): Promise<StoredTables> {
  const tables = new Map<string, StoredTable>();
  if (!backend.putInStoredRows) return tables;
  for (const translation of new Set(attrs.flatMap((each) => each.translation ?? []))) {
    const parts = attrs.filter((each) => each.translation === translation);
    const rows = commonRows(file, parts);
    if (!rows) continue;
    const columns = [];
    for (const each of parts) columns.push(await columnOf(each, file.stored!(each.name)!, backend, mayMap));
    tables.set(translation, { rows: parts[0].shape[0], stored: rows, columns });
  }
  return tables;
}

/** The stored rows of these tables, if they are sparse and have the same ones. */
function commonRows(file: Tensors, parts: readonly ParameterAttrs[]): BigUint64Array | undefined {
  const fits = parts.every(
    (attrs) => file.tensors.has(attrs.name) && fitsStored(attrs, file.tensors, attrs.name),
  );
  const [first, ...others] = fits ? parts.map(({ name }) => file.stored?.(name)?.rows) : [];
  const same = others.every((rows) => rows && first && Buffer.compare(bytesOf(rows), bytesOf(first)) === 0);
  return same ? first : undefined;
}

async function columnOf(
  attrs: ParameterAttrs,
  { rows, initial, numbers }: StoredRows,
  backend: Backend,
  mayMap: boolean,
) {
  const { name, words, dtype = "fp32" } = attrs;
  const width = elementsOf(attrs) / attrs.shape[0];
  const used = rows.length * width;
  const place = mayMap ? numbers.locate(name) : undefined;
  let memory: Memory;
  if (place && backend.map) {
    memory = backend.map(place.path, place.offset, elementsOf(attrs), dtype, used);
    if (!words) await checkMapped({ memory, inFile: used }, name);
  } else {
    memory = backend.allocate(elementsOf(attrs), dtype, used);
    await readPieces(numbers, { name, dtype, elements: used, words }, (from, piece) =>
      memory.write(from, piece),
    );
  }
  const { seed, stream, values: init, quantized } = initial;
  return { name, memory, width, init, seed, stream, quantized };
}

/** The table in a model that has other names for its parameters. */
export function renamed(table: StoredTable, nameOf: (name: string) => string): StoredTable {
  return { ...table, columns: table.columns.map((column) => ({ ...column, name: nameOf(column.name) })) };
}

/** Lets programs that bind these translations find the rows. Call it before they are compiled. */
export function putInStoredTables(
  backend: Backend,
  translations: ReadonlyMap<string, Translation>,
  tables: StoredTables,
): void {
  for (const [name, table] of tables) backend.putInStoredRows!(translations.get(name)!, table);
}

/** What a checkpoint gets of these tables: the rows that the memories have. */
export function savedRowsOf(tables: StoredTables): RowsOfTables {
  return new Map(
    [...tables.values()].flatMap(({ rows, stored: keys, columns }) => {
      const places = Uint32Array.from(keys, (_, i) => i);
      return columns.map(({ name, seed, stream, init: values, quantized }) => {
        const initial = new Map([[name, { seed, stream, values, quantized }]]);
        return [name, { rows: places, content: { rows, keys, initial } }] as const;
      });
    }),
  );
}
