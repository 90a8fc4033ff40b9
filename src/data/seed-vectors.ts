import { existsSync } from "node:fs";
import { ConfigError, DataError } from "../errors.js";
import { integerType } from "../features/sql-types.js";
import { showValue } from "../show-value.js";
import { scratchDirectory } from "./pack/owned-directory.js";
import { Duck, OWN_COLUMNS, quoteName, quoteText } from "./source/duckdb.js";
import { formatByName } from "./source/source-files.js";
import { textRows } from "./source/vectors.js";

/** Vectors of ids, some rows of a file. */
export interface SeedVectors {
  /** True if ids are keys of 64 bits, as `pairloom tables` writes them, and not values. */
  readonly areKeys: boolean;
  readonly ids: readonly string[];
  /** One after the other. */
  readonly vectors: Float32Array;
}

/** The names of the columns with ids, and that of their vectors. Other names: a file of two columns. */
const [ID, KEY, VECTOR] = ["id", "key", "vector"];

/**
 * Reads a file of pairs (id, vector), a few thousand at a time. An id is an integer or a text, a vector a list of numbers or a text
 * such as `[0.5, -1]` or `0.5,-1`. Rows without an id are left out.
 * @param dim numbers of each vector
 * @param where the setting that names the file
 * @throws ConfigError if there is no such file, or no such columns; DataError for a vector that is none
 */
export async function* seedVectors(path: string, dim: number, where: string): AsyncGenerator<SeedVectors> {
  const reader = readerOf(path, where);
  const duck = await Duck.open(scratchDirectory());
  try {
    const [column, vector] = await columnsOf(duck, reader, path, where);
    const cells = [column, vector].map((name) => `${quoteName(name)}::VARCHAR`);
    const sql = `SELECT ${cells.join(", ")} FROM ${reader} WHERE ${quoteName(column)} IS NOT NULL`;
    for await (const chunk of duck.stream(sql, where)) {
      const rows = textRows(chunk);
      const vectors = new Float32Array(rows.length * dim);
      rows.forEach(([id, text], i) => {
        vectors.set(vectorOf(text, dim, `${path}: ${column} ${id}`), i * dim);
      });
      yield { areKeys: column === KEY, ids: rows.map(([id]) => id!), vectors };
    }
  } finally {
    duck.close();
  }
}

function readerOf(path: string, where: string): string {
  if (!existsSync(path))
    throw new ConfigError({
      what: "the file with the vectors to start from does not exist",
      where,
      got: path,
      expected: "a Parquet or CSV file",
      next: "Correct the path; relative paths start at the working directory.",
    });
  const format = formatByName(path);
  if (format === "parquet") return `read_parquet(${quoteText(path)}, ${OWN_COLUMNS})`;
  if (format === "csv")
    return `read_csv(${quoteText(path)}, all_varchar = true, header = true, ${OWN_COLUMNS})`;
  throw new ConfigError({
    what: "the vectors to start from are in a file of another format",
    where,
    got: path,
    expected: "a name that ends in .parquet or .csv",
    next: "Write them as Parquet, with the columns id and vector.",
  });
}

/** The columns of ids and of vectors. */
async function columnsOf(
  duck: Duck,
  reader: string,
  path: string,
  where: string,
): Promise<[id: string, vector: string]> {
  const columns = await duck.describe(`SELECT * FROM ${reader}`, where);
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const named = [ID, KEY].find((name) => types.has(name));
  const pair = named !== undefined && types.has(VECTOR) ? [named, VECTOR] : [...types.keys()];
  const [id, vector] = pair;
  if (pair.length === 2 && hasIds(types.get(id)!) && /VARCHAR|\[/.test(types.get(vector)!))
    return [id, vector];
  throw new ConfigError({
    what: "the file with the vectors to start from has other columns",
    where,
    got: `${path} with ${columns.map(({ name, type }) => `${name} ${type}`).join(", ")}`,
    expected: `${ID}, integers or texts, or ${KEY}, as pairloom tables writes it; and ${VECTOR}, lists of numbers`,
    next: "Rename or cast the columns, for example with DuckDB.",
  });
}

const hasIds = (type: string): boolean =>
  type === "VARCHAR" || (integerType(type)?.bits ?? Number.POSITIVE_INFINITY) <= 64;

function vectorOf(text: string | null, dim: number, where: string): readonly number[] {
  const vector = parsed(text);
  if (vector?.length === dim && vector.every(isFiniteNumber)) return vector;
  throw new DataError({
    what: "a vector to start from does not fit the table",
    where,
    got: vector && vector.length !== dim ? `${vector.length} numbers` : showValue(text),
    expected: `${dim} finite numbers`,
    next: "Write vectors of the dim of the feature, or set its dim to theirs.",
  });
}

const isFiniteNumber = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(Math.fround(value));

function parsed(text: string | null): unknown[] | undefined {
  try {
    return JSON.parse(`[${text?.trim().replace(/^\[(.*)\]$/s, "$1")}]`);
  } catch {
    return undefined;
  }
}
