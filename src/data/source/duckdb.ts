import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import duckdb, { type Connection, type DataChunk } from "@duckdb/node-bindings";
import { DataError, PairloomError } from "../../errors.js";
import { textRows } from "./vectors.js";

/**
 * DuckDB in process, through its C interface: results come as chunks of about two thousand rows whose columns are raw
 * memory, which is what packing reads.
 */
export class Duck {
  private constructor(
    private readonly database: Awaited<ReturnType<typeof duckdb.open>>,
    private readonly connection: Connection,
  ) {}

  /** @param tempDir where aggregates larger than memory spill */
  static async open(tempDir: string): Promise<Duck> {
    const config = duckdb.create_config();
    duckdb.set_config(config, "temp_directory", tempDir);
    duckdb.set_config(config, "preserve_insertion_order", "true");
    const database = await duckdb.open(":memory:", config);
    return new Duck(database, await duckdb.connect(database));
  }

  close(): void {
    duckdb.disconnect_sync(this.connection);
    duckdb.close_sync(this.database);
  }

  /**
   * The chunks of a query's result, in order, while it runs. The next chunk is made while the last is read. One
   * stream at a time.
   *
   * @throws DataError where the query fails, on its last row as on its first
   */
  async *stream(sql: string, where: string): AsyncGenerator<DataChunk> {
    let next: Promise<DataChunk | null> = Promise.resolve(null);
    let open = false;
    let chunks = 0;
    try {
      await duckdb.query(this.connection, "BEGIN");
      open = true;
      const statement = await duckdb.prepare(this.connection, sql);
      const result = await duckdb.execute_prepared_streaming(statement);
      next = duckdb.fetch_chunk(result);
      for (;;) {
        const chunk = await next;
        if (chunk === null || duckdb.data_chunk_get_size(chunk) === 0) break;
        next = duckdb.fetch_chunk(result);
        yield chunk;
        if (++chunks % chunksAlive === 0) collectYoung();
      }
      const failed = await this.transactionFailed();
      open = false;
      await duckdb.query(this.connection, failed ? "ROLLBACK" : "COMMIT");
      if (failed) await this.explainFailure(sql, where);
    } catch (error) {
      throw sqlError(error, where);
    } finally {
      // A reader that stops early may close the connection at once: nothing must still be reading from it.
      await next.catch(() => {});
      if (open) await duckdb.query(this.connection, "ROLLBACK").catch(() => {});
    }
  }

  /** A stream that fails ends like one that is complete, with an empty chunk; only its transaction knows. */
  private async transactionFailed(): Promise<boolean> {
    return duckdb.query(this.connection, "SELECT 1").then(
      () => false,
      () => true,
    );
  }

  /** The stream keeps no message: the query runs again, every column of it, for the error alone. */
  private async explainFailure(sql: string, where: string): Promise<never> {
    await duckdb.query(this.connection, `SELECT bit_xor(hash(COLUMNS(*))) FROM (${sql}\n)`);
    throw new DataError({
      what: "the scan broke off before its end",
      where,
      got: "an error that did not come again in a second scan",
      expected: "files that stay as they are while they are read",
      next: "wait until the files are written, and run again",
    });
  }

  /** Runs a statement for its effect. */
  async run(sql: string, where: string): Promise<void> {
    try {
      await duckdb.query(this.connection, sql);
    } catch (error) {
      throw sqlError(error, where);
    }
  }

  /** Names and SQL types of the columns of a SELECT. */
  async describe(sql: string, where: string): Promise<SourceColumn[]> {
    const rows = await this.rows(`SELECT column_name, column_type FROM (DESCRIBE ${sql})`, where);
    return rows.map(([name, type]) => ({ name: name as string, type: type as string }));
  }

  /** A small result as text: every value cast to VARCHAR. */
  async rows(sql: string, where: string): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    for await (const chunk of this.stream(`SELECT COLUMNS(*)::VARCHAR FROM (${sql})`, where))
      rows.push(...textRows(chunk));
    return rows;
  }
}

export interface SourceColumn {
  readonly name: string;
  /** As DuckDB writes it: `BIGINT`, `VARCHAR`, `DOUBLE[]`, `DECIMAL(9,2)`. */
  readonly type: string;
}

/**
 * A chunk's memory, a kilobyte a row or so, is freed when the garbage collector finds its few bytes in JavaScript, of
 * which it would be in no hurry: after so many chunks it is told to look at the youngest objects.
 */
const chunksAlive = 16;
type Collector = (options: { type: "minor" }) => unknown;
let collector: Collector | undefined;

function collectYoung(): void {
  collector ??= exposedCollector();
  collector({ type: "minor" });
}

function exposedCollector(): Collector {
  setFlagsFromString("--expose-gc");
  const collect: Collector | undefined = runInNewContext("globalThis.gc");
  setFlagsFromString("--no-expose-gc");
  return collect ?? (() => undefined);
}

/** The library of DuckDB's C interface, which lies beside the bindings in use; undefined where those are not found. */
export function duckLibrary(): string | undefined {
  const modules = Object.values(createRequire(import.meta.url).cache);
  const bindings = modules.find((module) => module?.exports === duckdb && module.filename.endsWith(".node"));
  const name = process.platform === "darwin" ? "libduckdb.dylib" : "libduckdb.so";
  return bindings && join(dirname(bindings.filename), name);
}

/** A SQL identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A SQL string. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Characters of a message of DuckDB that are shown: it may quote a whole line of a file. */
const messageLimit = 600;

function sqlError(error: unknown, where: string): unknown {
  if (error instanceof PairloomError || !(error instanceof Error)) return error;
  const message = shortMessage(error.message);
  return new DataError(
    { what: "DuckDB refused the query", where, got: message, next: nextStep(message) },
    { cause: error },
  );
}

/** Without the excerpt of the statement, which is ours and not the config's, and the reader's list of options. */
function shortMessage(message: string): string {
  const text = message
    .replace(/\n+LINE \d+:[\s\S]*$/, "")
    .replace(/(Error when sniffing file [^\n]*\n[^\n]*)[\s\S]*$/, "$1")
    .replace(/(Original Line: [^\n]{80})[^\n]*/, "$1 …")
    .replace(/\n+Possible (fixes|Solution)[\s\S]*$/i, "")
    .trim();
  return text.length <= messageLimit ? text : `${text.slice(0, messageLimit)} …`;
}

function nextStep(message: string): string {
  if (/Conversion Error/.test(message))
    return "use TRY_CAST in sql, or give the column another type in types";
  if (/Binder Error/.test(message))
    return "check names and types; what id features read from text files is VARCHAR: compare it with text, cast it, or set its type in types";
  if (/JSON/.test(message))
    return "mend the line; a malformed line of a JSON file cannot be skipped, as one of a text file can";
  if (/sniffing/.test(message))
    return "check delimiter, header and skip; a stray or unclosed quote, or line ends of two kinds, near the top of the file hide its layout";
  if (/CSV Error/.test(message))
    return "check format, delimiter, header and skip against the first lines of the file";
  if (/IO Error|TProtocol|decompress|checksum|magic bytes/i.test(message))
    return "the file is damaged or cannot be read: write it or fetch it again";
  return "run the SQL in DuckDB alone to see it fail";
}
