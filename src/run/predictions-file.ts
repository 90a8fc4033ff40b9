import { extname } from "node:path";
import type { DuckDBValue } from "@duckdb/node-api";
import { requireDuckdb } from "../data/source/binding.js";
import { quoteName, type SourceColumn } from "../data/source/duckdb.js";
import { ConfigError } from "../errors.js";
import { CHUNK_ROWS, ScratchTable } from "./scratch-table.js";

const api = requireDuckdb<typeof import("@duckdb/node-api")>("@duckdb/node-api");

const FORMATS: Readonly<Record<string, string>> = {
  ".csv": "FORMAT csv, HEADER true",
  ".parquet": "FORMAT parquet, COMPRESSION zstd",
};

/** A file of predictions: the row number in the source, copied columns with their types, and the predictions. */
export class PredictionsFile {
  private constructor(
    private readonly path: string,
    private readonly columns: readonly SourceColumn[],
    private readonly predictions: readonly string[],
    private readonly rows: ScratchTable,
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
    const carried = columns.map(({ name }) => `${quoteName(name)} VARCHAR`);
    const predicted = predictions.map((name) => `${quoteName(name)} DOUBLE`);
    const rows = await ScratchTable.create(
      "the predictions",
      ["row BIGINT", ...carried, ...predicted].join(", "),
    );
    return new PredictionsFile(path, columns, predictions, rows);
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
      this.rows.append(types, [
        rows.slice(start, end).map(BigInt),
        ...texts.map((values) => values.slice(start, end)),
        ...this.predictions.map((_, i) =>
          Array.from({ length: end - start }, (_, r) => predicted[(start + r) * this.predictions.length + i]),
        ),
      ] as DuckDBValue[][]);
    }
  }

  /** Writes the file. @throws ExecutionError if this fails, for example on a full disk */
  async finish(): Promise<void> {
    const carried = this.columns.map(
      ({ name, type }) => `CAST(${quoteName(name)} AS ${type}) AS ${quoteName(name)}`,
    );
    const predicted = this.predictions.map(
      (name) => `CAST(${quoteName(name)} AS FLOAT) AS ${quoteName(name)}`,
    );
    const select = `SELECT ${["row", ...carried, ...predicted].join(", ")} FROM rows`;
    await this.rows.write(this.path, select, formatOf(this.path));
  }

  /** Deletes temporary files; must always be called. */
  close(): void {
    this.rows.close();
  }
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
