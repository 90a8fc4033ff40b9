import { randomUUID } from "node:crypto";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import type { DuckDBAppender, DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { onDiskSync } from "../checkpoint/index.js";
import { requireDuckdb } from "../data/source/binding.js";
import { quoteText } from "../data/source/duckdb.js";
import { ConfigError, ExecutionError, messageOf } from "../errors.js";
import type { SavedTable, SavedTables } from "../saved/tables.js";
import { temporaryOf } from "./output-file.js";

const api = requireDuckdb<typeof import("@duckdb/node-api")>("@duckdb/node-api");

const CHUNK_ROWS = 2048;
const COLUMNS = "row BIGINT, key BIGINT, score DOUBLE, value VARCHAR, vector FLOAT[]";

/**
 * Writes the rows of a table to a Parquet file: row number, key and score (of dynamic tables), value (of vocabularies), vector.
 * The rows go through a file of DuckDB, so memory is bounded; the file appears when it is complete.
 * @throws ConfigError if it is no name of a Parquet file, ExecutionError if it cannot be written
 */
export async function exportTable(tables: SavedTables, table: SavedTable, path: string): Promise<void> {
  refuseFormat(path);
  const scratch = join(tmpdir(), `pairloom-${randomUUID()}`);
  onDiskSync("the directory cannot be created", scratch, () => mkdirSync(scratch, { recursive: true }));
  try {
    const instance = await api.DuckDBInstance.create(join(scratch, "table.duckdb"));
    const connection = await instance.connect();
    try {
      await connection.run(`CREATE TABLE rows (${COLUMNS})`);
      await append(await connection.createAppender("rows"), tables, table);
      await publish(connection, path);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function append(appender: DuckDBAppender, tables: SavedTables, table: SavedTable): Promise<void> {
  const { rows, dim, dynamic, hasScores, vocabulary = [] } = table;
  const keys = dynamic?.keys();
  const types = [api.BIGINT, api.BIGINT, api.DOUBLE, api.VARCHAR, api.LIST(api.FLOAT)];
  for (let first = 0; first < rows; first += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, rows - first);
    const vectors = await tables.rows(table, first, count);
    const column = (of: (row: number) => DuckDBValue) =>
      Array.from({ length: count }, (_, i) => of(first + i));
    const chunk = api.DuckDBDataChunk.create(types);
    chunk.setColumns([
      column(BigInt),
      // Row 0 of a dynamic table has no key; the others are in the order of the keys.
      column((row) => keys?.keys[row - 1] ?? null),
      column((row) => (hasScores ? (keys?.scores[row - 1] ?? null) : null)),
      column((row) => vocabulary[row] ?? null),
      column((row) => api.listValue([...vectors.subarray((row - first) * dim, (row - first + 1) * dim)])),
    ]);
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

async function publish(connection: DuckDBConnection, path: string): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    await connection.run(
      `COPY (SELECT * FROM rows ORDER BY row) TO ${quoteText(temporary)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    const report = {
      what: "the table could not be written",
      where: path,
      got: messageOf(cause).trim(),
      next: "Make room on the disk, or name an --output elsewhere.",
    };
    throw new ExecutionError(report, { cause });
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
