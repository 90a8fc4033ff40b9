import { extname } from "node:path";
import type { DuckDBValue } from "@duckdb/node-api";
import { requireDuckdb } from "../data/source/binding.js";
import { ConfigError } from "../errors.js";
import type { SavedTable, SavedTables } from "../saved/tables.js";
import { CHUNK_ROWS, ScratchTable } from "./scratch-table.js";

const api = requireDuckdb<typeof import("@duckdb/node-api")>("@duckdb/node-api");

const COLUMNS = "row BIGINT, key BIGINT, score DOUBLE, value VARCHAR, vector FLOAT[]";

/**
 * Writes the rows of a table to a Parquet file: row number, key and score (of dynamic tables), value (of vocabularies), vector.
 * @throws ConfigError if it is no name of a Parquet file, ExecutionError if it cannot be written
 */
export async function exportTable(tables: SavedTables, table: SavedTable, path: string): Promise<void> {
  refuseFormat(path);
  const rows = await ScratchTable.create("the table", COLUMNS);
  try {
    await append(rows, tables, table);
    await rows.write(path, "SELECT * FROM rows ORDER BY row", "FORMAT parquet, COMPRESSION zstd");
  } finally {
    rows.close();
  }
}

async function append(file: ScratchTable, tables: SavedTables, table: SavedTable): Promise<void> {
  const { rows, dim, dynamic, hasScores, vocabulary = [] } = table;
  const keys = dynamic?.keys();
  const types = [api.BIGINT, api.BIGINT, api.DOUBLE, api.VARCHAR, api.LIST(api.FLOAT)];
  for (let first = 0; first < rows; first += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, rows - first);
    const vectors = await tables.rows(table, first, count);
    const column = (of: (row: number) => DuckDBValue) =>
      Array.from({ length: count }, (_, i) => of(first + i));
    file.append(types, [
      column(BigInt),
      // Row 0 of a dynamic table has no key; the others are in the order of the keys.
      column((row) => keys?.keys[row - 1] ?? null),
      column((row) => (hasScores ? (keys?.scores[row - 1] ?? null) : null)),
      column((row) => vocabulary[row] ?? null),
      column((row) => api.listValue([...vectors.subarray((row - first) * dim, (row - first + 1) * dim)])),
    ]);
  }
}

function refuseFormat(path: string): void {
  if (extname(path).toLowerCase() === ".parquet") return;
  throw new ConfigError({
    what: "tables are written in one format",
    where: "--output",
    got: path,
    expected: "a name that ends in .parquet",
    next: "Change the extension.",
  });
}
