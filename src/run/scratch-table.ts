import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type {
  DuckDBAppender,
  DuckDBConnection,
  DuckDBInstance,
  DuckDBType,
  DuckDBValue,
} from "@duckdb/node-api";
import { onDiskSync } from "../checkpoint/index.js";
import { scratchDirectory } from "../data/pack/owned-directory.js";
import { requireDuckdb } from "../data/source/binding.js";
import { quoteText } from "../data/source/duckdb.js";
import { ExecutionError, messageOf } from "../errors.js";
import { makeDirectories } from "../make-directories.js";
import { temporaryOf } from "./output-file.js";

const api = requireDuckdb<typeof import("@duckdb/node-api")>("@duckdb/node-api");

/** Rows of a DuckDB chunk. */
export const CHUNK_ROWS = 2048;

/** The table `rows` on disk, through which rows go into a file, so memory is bounded; the file appears when it is complete. */
export class ScratchTable {
  private constructor(
    /** What is written, for errors. */
    private readonly what: string,
    private readonly scratch: string,
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly appender: DuckDBAppender,
  ) {}

  /**
   * @param what what is written, for errors, such as "the predictions"
   * @param columns names and SQL types of the columns
   */
  static async create(what: string, columns: string): Promise<ScratchTable> {
    const scratch = scratchDirectory();
    onDiskSync("the directory cannot be created", scratch, () => makeDirectories(scratch));
    const instance = await api.DuckDBInstance.create(join(scratch, "rows.duckdb"));
    const connection = await instance.connect();
    await connection.run(`CREATE TABLE rows (${columns})`);
    return new ScratchTable(what, scratch, instance, connection, await connection.createAppender("rows"));
  }

  /** Appends up to {@link CHUNK_ROWS} rows. @throws ExecutionError if this fails, for example on a full disk */
  append(types: DuckDBType[], columns: DuckDBValue[][]): void {
    const chunk = api.DuckDBDataChunk.create(types);
    chunk.setColumns(columns);
    this.writing(this.scratch, () => this.appender.appendDataChunk(chunk));
  }

  /**
   * Writes the file.
   * @param select SQL of its columns, from `rows`
   * @param format options of COPY
   * @throws ExecutionError if this fails
   */
  async write(path: string, select: string, format: string): Promise<void> {
    this.writing(this.scratch, () => this.appender.closeSync());
    const temporary = temporaryOf(path);
    try {
      await this.connection.run(`COPY (${select}) TO ${quoteText(temporary)} (${format})`);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw this.notWritten(path, error);
    }
  }

  /** Deletes temporary files; must always be called. */
  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
    rmSync(this.scratch, { recursive: true, force: true });
  }

  private writing(path: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      throw this.notWritten(path, error);
    }
  }

  private notWritten(path: string, cause: unknown): ExecutionError {
    const report = {
      what: `${this.what} could not be written`,
      where: path,
      got: messageOf(cause).trim(),
      next: "Make room on the disk, or name an --output elsewhere.",
    };
    return new ExecutionError(report, { cause });
  }
}
