import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Connection, DataChunk } from "@duckdb/node-bindings";
import { DataError, PairloomError } from "../../errors.js";
import { duckdb } from "./binding.js";
import { textRows } from "./vectors.js";

/** An option of every reader: a folder `x=5` in the path of a file would give all its rows a column x, in place of their own. */
export const OWN_COLUMNS = "hive_partitioning = false";

/**
 * DuckDB in this process, through its C interface. A result is a stream of chunks of about 2,000 rows whose columns are
 * raw memory, which packing reads directly.
 */
export class Duck {
  private constructor(
    private readonly database: Awaited<ReturnType<typeof duckdb.open>>,
    private readonly connection: Connection,
    /** A folder for copies of files, each at the path of its file. It is deleted when the database is closed. */
    readonly copies: string,
  ) {}

  /** @param tempDir for aggregates that do not fit in memory, and for copies of files */
  static async open(tempDir: string): Promise<Duck> {
    const config = duckdb.create_config();
    duckdb.set_config(config, "temp_directory", tempDir);
    duckdb.set_config(config, "preserve_insertion_order", "true");
    const database = await duckdb.open(":memory:", config);
    const connection = await duckdb.connect(database);
    // The same hours and days on every machine.
    await duckdb.query(connection, "SET TimeZone = 'UTC'");
    return new Duck(database, connection, join(tempDir || tmpdir(), `copies-${randomUUID()}`));
  }

  close(): void {
    duckdb.disconnect_sync(this.connection);
    duckdb.close_sync(this.database);
    rmSync(this.copies, { recursive: true, force: true });
  }

  /**
   * Streams the chunks of a query's result, in order. DuckDB computes the next chunk while the caller reads the current
   * one. Only one stream at a time.
   *
   * @throws DataError if the query fails, on any row
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
        if (++chunks % CHUNKS_ALIVE === 0) collectYoung();
      }
      const failed = await this.transactionFailed();
      open = false;
      await duckdb.query(this.connection, failed ? "ROLLBACK" : "COMMIT");
      if (failed) await this.explainFailure(sql, where);
    } catch (error) {
      throw sqlError(error, where, this.copies);
    } finally {
      // A caller that stops early may close the connection immediately, so no fetch may be running.
      await next.catch(() => {});
      if (open) await duckdb.query(this.connection, "ROLLBACK").catch(() => {});
    }
  }

  /** A failed stream also ends with an empty chunk; only the state of its transaction tells the difference. */
  private async transactionFailed(): Promise<boolean> {
    return duckdb.query(this.connection, "SELECT 1").then(
      () => false,
      () => true,
    );
  }

  /** The stream has no error message, so the query runs again over all columns, only to get the error. */
  private async explainFailure(sql: string, where: string): Promise<never> {
    await duckdb.query(this.connection, `SELECT bit_xor(hash(COLUMNS(*))) FROM (${sql}\n)`);
    throw new DataError({
      what: "the scan stopped before the end",
      where,
      got: "an error that a second scan did not reproduce",
      expected: "files that do not change while they are read",
      next: "Wait until the files are written, then run again.",
    });
  }

  /** Runs a statement and ignores its result. */
  async run(sql: string, where: string): Promise<void> {
    try {
      await duckdb.query(this.connection, sql);
    } catch (error) {
      throw sqlError(error, where, this.copies);
    }
  }

  /** Names and SQL types of the columns of a SELECT. */
  async describe(sql: string, where: string): Promise<SourceColumn[]> {
    const rows = await this.rows(`SELECT column_name, column_type FROM (DESCRIBE ${sql})`, where);
    return rows.map(([name, type]) => ({ name: name as string, type: type as string }));
  }

  /** The physical plan of a SELECT, as JSON. */
  async explain(sql: string, where: string): Promise<string> {
    let plan = "";
    for await (const chunk of this.stream(`EXPLAIN (FORMAT json) ${sql}`, where))
      plan += textRows(chunk)[0][1];
    return plan;
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
 * V8 sees only the small wrapper of a chunk, not its memory (about a kilobyte per row), so it would collect too late.
 * After this many chunks the stream forces a minor garbage collection.
 */
const CHUNKS_ALIVE = 16;
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

const LIBRARIES: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "libduckdb.dylib",
  win32: "duckdb.dll",
};

/** The library of DuckDB's C interface, in the folder of the loaded bindings; undefined if those are not found. */
export function duckLibrary(): string | undefined {
  const modules = Object.values(createRequire(import.meta.url).cache);
  const bindings = modules.find((module) => module?.exports === duckdb && module.filename.endsWith(".node"));
  const name = LIBRARIES[process.platform] ?? "libduckdb.so";
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

/** Longest part of a DuckDB message that is shown; a message may quote a whole line of a file. */
const MESSAGE_LIMIT = 600;

/** At the end of the names of copies of files. */
export const COPY_SUFFIX = ".utf8";

/** A message with the paths of files in place of those of their copies. */
function withoutCopies(message: string, copies: string): string {
  const [start, ...paths] = message.split(copies);
  return [start, ...paths.map((path) => path.replace(COPY_SUFFIX, ""))].join("");
}

function sqlError(error: unknown, where: string, copies: string): unknown {
  if (error instanceof PairloomError || !(error instanceof Error)) return error;
  const message = shortMessage(withoutCopies(error.message, copies));
  return new DataError(
    { what: "DuckDB refused the query", where, got: message, next: nextStep(message) },
    { cause: error },
  );
}

/** DuckDB has counted a line or record of JSON already when it finds that it is malformed, and adds one again. */
const COUNTED_TWICE = /(Malformed JSON in file [^\n]* in (?:line|record\/value) )(\d+)/;

/** Removes the excerpt of the statement, which the user did not write, and DuckDB's lists of reader options and functions. */
function shortMessage(message: string): string {
  const text = message
    .replace(/\n+LINE \d+:[\s\S]*$/, "")
    .replace(/(Original Line: [^\n]{80})[^\n]*/, "$1 …")
    .replace(
      /\n+(Possible (fixes|Solution)|\s*Candidate functions|Try (increasing|setting)|\s*If this error occurred)[\s\S]*$/i,
      "",
    )
    .replace(COUNTED_TWICE, (_, start: string, line: string) => `${start}${Number(line) - 1}`)
    .trim();
  return text.length <= MESSAGE_LIMIT ? text : `${text.slice(0, MESSAGE_LIMIT)} …`;
}

const FOR_TEXT_FILES = "for a text or JSON file you can also set the type of the column in types";

function nextStep(message: string): string {
  if (/Conversion Error/.test(message)) return `Use TRY_CAST in the SQL; ${FOR_TEXT_FILES}.`;
  if (/Binder Error[\s\S]*(VARCHAR|explicit (type )?cast)/i.test(message))
    return "Cast the column where the SQL computes with it, such as CAST(user AS BIGINT) % 10 < 8. A column of a text file is text (VARCHAR) if an id feature reads it with hash or vocabulary, or if one of its values is no number, date or time.";
  if (/Binder Error/.test(message)) return "Compare the names in the SQL with the columns of the source.";
  if (/is no exact id/.test(message))
    return "Write keys as texts, or as integers instead of floating-point numbers.";
  if (/has duplicate key/.test(message))
    return "Give the values of one object keys that differ, or leave out one of them.";
  if (/Malformed JSON|JSON in file/i.test(message))
    return "Fix the line. A malformed line of a JSON file cannot be skipped, unlike one of a text file.";
  if (/CSV Parser state machine/.test(message))
    return "The file has both kinds of line ends, \\n and \\r\\n. Write it again with one of them, for example with dos2unix.";
  if (/not utf-8 encoded/.test(message)) return "Convert the file to UTF-8, for example with iconv.";
  if (/CSV Error/.test(message))
    return "Compare format, delimiter, header and skip with the first lines of the file.";
  if (/IO Error|TProtocol|decompress|checksum|magic bytes/i.test(message))
    return "The file is damaged or cannot be read: write or download it again.";
  return "Run the SQL in DuckDB to see the error.";
}
