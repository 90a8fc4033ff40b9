import { ARRAY_OF, bytesOf } from "./dtypes.js";
import { checkKeyOrder, type KeyedRows, mergeKeys, numberedRows } from "./layers.js";
import { SafetensorsFile } from "./safetensors-reader.js";
import type { Table } from "./table-layout.js";
import { TableReader } from "./table-reader.js";
import type { Tensors } from "./tensors.js";

/** The rows of a table that a checkpoint of changes has. */
export interface TableChanges {
  readonly name: string;
  /** Numbers per row. */
  readonly dim: number;
  /** The numbers of the rows, ascending; of a growing table their keys, in the order of slots. */
  readonly keys: BigUint64Array;
  /** The keys that a growing table has lost. */
  readonly deleted: BigUint64Array;
  /** [rows, dim], 16-bit floats as their bits. Of a growing table, the row of keys that have none comes first. */
  readonly values: Float32Array | Uint16Array;
}

/** What a checkpoint of changes has itself, without its base. */
export interface Changes {
  readonly tables: readonly TableChanges[];
  /** Everything that is no table; the caller closes it. */
  readonly rest: Tensors;
}

/**
 * Reads changes, every byte of which is verified.
 * @param file the model file
 * @throws CheckpointError if the keys of a table are not as a checkpoint has them
 */
export async function openChanges(dir: string, file: string, tables: readonly Table[]): Promise<Changes> {
  const rest = await SafetensorsFile.open(file);
  const reader = new TableReader(dir);
  try {
    const changes: TableChanges[] = [];
    for (const table of tables) changes.push(await changesOf(table, reader, rest, `${dir}: ${table.name}`));
    return { tables: changes, rest };
  } catch (error) {
    await rest.close();
    throw error;
  } finally {
    await reader.close();
  }
}

async function changesOf(
  table: Table,
  reader: TableReader,
  rest: Tensors,
  where: string,
): Promise<TableChanges> {
  const { name, dim, dtype, unknown } = table;
  const keys = await reader.readKeys(table.keys ?? []);
  const deleted = await reader.readKeys(table.deleted ?? []);
  const leading = unknown ? dim : 0;
  const values = new ARRAY_OF[dtype](leading + keys.length * dim) as TableChanges["values"];
  if (unknown) await rest.readInto(name, values.subarray(0, dim));
  await reader.readBytes(table, table, bytesOf(values.subarray(leading)), 0);
  if (table.rows === undefined) {
    checkKeys({ keys, deleted }, table.slots, where);
    return { name, dim, keys, deleted, values };
  }
  const { numbers, positions } = numberedRows(keys, table, where);
  return { name, dim, keys: numbers, deleted, values: positions ? rowsAt(positions, dim, values) : values };
}

/** The rows at these positions, in this order. */
function rowsAt(positions: Uint32Array, dim: number, values: TableChanges["values"]): TableChanges["values"] {
  const picked = values.slice();
  positions.forEach((position, i) => {
    picked.set(values.subarray(position * dim, (position + 1) * dim), i * dim);
  });
  return picked;
}

function checkKeys(rows: KeyedRows, slots: number, where: string): void {
  for (const each of [rows.keys, rows.deleted]) checkKeyOrder(each, slots, where);
  mergeKeys([rows], slots, where);
}
