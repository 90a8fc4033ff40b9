import { randomUUID } from "node:crypto";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import type { DuckDBAppender, DuckDBConnection, DuckDBInstance, DuckDBValue } from "@duckdb/node-api";
import { onDiskSync } from "../checkpoint/index.js";
import { requireDuckdb } from "../data/source/binding.js";
import { quoteName, quoteText, type SourceColumn } from "../data/source/duckdb.js";
import { ConfigError, ExecutionError, messageOf } from "../errors.js";
import { temporaryOf } from "./output-file.js";

const api = requireDuckdb<typeof import("@duckdb/node-api")>("@duckdb/node-api");

const FORMATS: Readonly<Record<string, string>> = {
  ".csv": "FORMAT csv, HEADER true",
  ".parquet": "FORMAT parquet, COMPRESSION zstd",
};
/** Rows of a DuckDB chunk. */
const CHUNK_ROWS = 2048;

/**
 * A file of predictions: the row number in the source, copied columns with their types, and the predictions. Rows go through
 * a table on disk, so memory is bounded; the file appears when it is complete.
 */
export class PredictionsFile {
  private constructor(
    private readonly path: string,
    private readonly scratch: string,
    private readonly columns: readonly SourceColumn[],
    private readonly predictions: readonly string[],
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly appender: DuckDBAppender,
  ) {}

  /**
   * @param columns carried columns with their SQL types
   * @param predictions the names of the predicted columns
   * @throws ConfigError for a name that the output has already
   */
  static async create(
    path: string,
    columns: readonly SourceColumn[],
    predictions: readonly string[],
  ): Promise<PredictionsFile> {
    refuseTakenNames(columns, predictions);
    const scratch = join(tmpdir(), `pairloom-${randomUUID()}`);
    onDiskSync("the directory cannot be created", scratch, () => mkdirSync(scratch, { recursive: true }));
    const instance = await api.DuckDBInstance.create(join(scratch, "predictions.duckdb"));
    const connection = await instance.connect();
    const carried = columns.map(({ name }) => `${quoteName(name)} VARCHAR`);
    const predicted = predictions.map((name) => `${quoteName(name)} DOUBLE`);
    await connection.run(`CREATE TABLE predictions (${["row BIGINT", ...carried, ...predicted].join(", ")})`);
    const appender = await connection.createAppender("predictions");
    return new PredictionsFile(path, scratch, columns, predictions, instance, connection, appender);
  }

  /** Appends rows; `carried` has an array for each column, `predicted` is [rows, predictions]. */
  append(
    rows: readonly number[],
    carried: ReadonlyMap<string, readonly unknown[]>,
    predicted: Float32Array,
  ): void {
    const texts = this.columns.map(({ name }) => carried.get(name)!.map(textOrNull));
    const types = [api.BIGINT, ...texts.map(() => api.VARCHAR), ...this.predictions.map(() => api.DOUBLE)];
    for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
      const end = Math.min(rows.length, start + CHUNK_ROWS);
      const chunk = api.DuckDBDataChunk.create(types);
      chunk.setColumns([
        rows.slice(start, end).map(BigInt),
        ...texts.map((values) => values.slice(start, end)),
        ...this.predictions.map((_, i) =>
          Array.from({ length: end - start }, (_, r) => predicted[(start + r) * this.predictions.length + i]),
        ),
      ] as DuckDBValue[][]);
      writing(this.scratch, () => this.appender.appendDataChunk(chunk));
    }
  }

  /** Writes the file. @throws ExecutionError if this fails, for example on a full disk */
  async finish(): Promise<void> {
    writing(this.scratch, () => this.appender.closeSync());
    const carried = this.columns.map(
      ({ name, type }) => `CAST(${quoteName(name)} AS ${type}) AS ${quoteName(name)}`,
    );
    const predicted = this.predictions.map(
      (name) => `CAST(${quoteName(name)} AS FLOAT) AS ${quoteName(name)}`,
    );
    const select = `SELECT ${["row", ...carried, ...predicted].join(", ")} FROM predictions`;
    const temporary = temporaryOf(this.path);
    try {
      await this.connection.run(`COPY (${select}) TO ${quoteText(temporary)} (${formatOf(this.path)})`);
      renameSync(temporary, this.path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw notWritten(this.path, error);
    }
  }

  /** Deletes temporary files; must always be called. */
  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw notWritten(path, error);
  }
}

function notWritten(path: string, cause: unknown): ExecutionError {
  const report = {
    what: "the predictions could not be written",
    where: path,
    got: messageOf(cause).trim(),
    next: "Make room on the disk, or name an --output elsewhere.",
  };
  return new ExecutionError(report, { cause });
}

function formatOf(path: string): string {
  return FORMATS[extname(path).toLowerCase()];
}

/** @throws ConfigError for an unknown file extension */
export function refuseFormat(path: string): void {
  if (formatOf(path) !== undefined) return;
  throw new ConfigError({
    what: "predictions cannot be written in this format",
    where: "--output",
    got: path,
    expected: `a name that ends in ${Object.keys(FORMATS).join(" or ")}`,
    next: "Change the extension.",
  });
}

/** SQL names are case-insensitive. */
function refuseTakenNames(columns: readonly SourceColumn[], predictions: readonly string[]): void {
  const taken = new Set(["row", ...predictions.map((name) => name.toLowerCase())]);
  for (const { name } of columns) {
    if (taken.has(name.toLowerCase()))
      throw new ConfigError({
        what: "the output has a column of this name already",
        where: "--columns",
        got: name,
        expected: `a column that is none of ${[...taken].join(", ")}`,
        next: "Leave it out, or rename it in sql.",
      });
    taken.add(name.toLowerCase());
  }
}

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
