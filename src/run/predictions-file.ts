import { randomUUID } from "node:crypto";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";
import {
  BIGINT,
  DOUBLE,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBValue,
  VARCHAR,
} from "@duckdb/node-api";
import { quoteName, quoteText, type SourceColumn } from "../data/duckdb.js";
import { ConfigError } from "../errors.js";

const FORMATS: Readonly<Record<string, string>> = {
  ".csv": "FORMAT csv, HEADER true",
  ".parquet": "FORMAT parquet, COMPRESSION zstd",
};
/** Rows that DuckDB takes in one chunk. */
const CHUNK_ROWS = 2048;

/**
 * A file of predictions: the place of each row in its source, columns carried along with their types, and the
 * probability. Rows pass through a table on disk, so that memory stays bounded, and the file appears when it is whole.
 */
export class PredictionsFile {
  private constructor(
    private readonly path: string,
    private readonly scratch: string,
    private readonly columns: readonly SourceColumn[],
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly appender: DuckDBAppender,
  ) {}

  /** @param columns carried columns with their SQL types @throws ConfigError for another extension or a taken name */
  static async create(path: string, columns: readonly SourceColumn[]): Promise<PredictionsFile> {
    formatOf(path);
    for (const { name } of columns) refuseTakenName(name);
    const scratch = join(tmpdir(), `pairloom-${randomUUID()}`);
    mkdirSync(scratch, { recursive: true });
    mkdirSync(dirname(resolve(path)), { recursive: true });
    const instance = await DuckDBInstance.create(join(scratch, "predictions.duckdb"));
    const connection = await instance.connect();
    const carried = columns.map(({ name }) => `${quoteName(name)} VARCHAR`);
    await connection.run(
      `CREATE TABLE predictions (${["row BIGINT", ...carried, "prediction DOUBLE"].join(", ")})`,
    );
    const appender = await connection.createAppender("predictions");
    return new PredictionsFile(path, scratch, columns, instance, connection, appender);
  }

  /** Appends rows; `carried` has an array for each column. */
  append(
    rows: readonly number[],
    carried: ReadonlyMap<string, readonly unknown[]>,
    probabilities: Float32Array,
  ): void {
    const texts = this.columns.map(({ name }) => carried.get(name)!.map(textOrNull));
    const types = [BIGINT, ...texts.map(() => VARCHAR), DOUBLE];
    for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
      const end = Math.min(rows.length, start + CHUNK_ROWS);
      const chunk = DuckDBDataChunk.create(types);
      chunk.setColumns([
        rows.slice(start, end).map(BigInt),
        ...texts.map((values) => values.slice(start, end)),
        Array.from(probabilities.subarray(start, end)),
      ] as DuckDBValue[][]);
      this.appender.appendDataChunk(chunk);
    }
  }

  /** Writes the file. */
  async finish(): Promise<void> {
    this.appender.closeSync();
    const carried = this.columns.map(
      ({ name, type }) => `CAST(${quoteName(name)} AS ${type}) AS ${quoteName(name)}`,
    );
    const select = `SELECT ${["row", ...carried, "CAST(prediction AS FLOAT) AS prediction"].join(", ")} FROM predictions`;
    const temporary = `${this.path}.${process.pid}.tmp`;
    await this.connection.run(`COPY (${select}) TO ${quoteText(temporary)} (${formatOf(this.path)})`);
    renameSync(temporary, this.path);
  }

  /** Frees what the file needed while it was made; call it on every way out. */
  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

function formatOf(path: string): string {
  const format = FORMATS[extname(path).toLowerCase()];
  if (format) return format;
  throw new ConfigError({
    what: "predictions cannot be written in this format",
    where: "--output",
    got: path,
    expected: `a name that ends in ${Object.keys(FORMATS).join(" or ")}`,
    next: "Change the extension.",
  });
}

function refuseTakenName(name: string): void {
  if (name !== "row" && name !== "prediction") return;
  throw new ConfigError({
    what: "the output has a column of this name already",
    where: "--columns",
    got: name,
    expected: "a column that is neither row nor prediction",
    next: "Rename it in sql.",
  });
}

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
