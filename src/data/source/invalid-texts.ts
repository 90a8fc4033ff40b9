import { type Demand, namedInSql } from "./demand.js";
import type { Duck } from "./duckdb.js";
import { areUtf8, textBytes } from "./text-bytes.js";
import type { TextPart } from "./text-layout.js";

/**
 * Text files with bytes that are not UTF-8. DuckDB stops with an internal error at such a value if the query reads the
 * column, but not as many columns as the place of the column in the file. So queries of these files read all columns up
 * to the last one that is needed.
 */

const REJECTS = "invalid";

/**
 * The columns of a part that every query has to read: none if no needed column has such a value, so that invalid texts in
 * other columns refuse no row.
 *
 * @param texts a SELECT of all columns of the part as texts, which lists malformed rows in tables of the given name
 */
export async function columnsToRead(
  duck: Duck,
  { paths, columns }: TextPart,
  demand: Demand,
  texts: (rejects: string) => string,
  where: string,
): Promise<readonly string[]> {
  if (!(await mayHaveInvalidTexts(paths))) return [];
  const isNamed = namedInSql(demand.sql);
  const isNeeded = (name: string) => demand.wants.has(name) || isNamed(name);
  await duck.rows(`SELECT bit_xor(hash(COLUMNS(*))) FROM (${texts(REJECTS)})`, where);
  const invalid = await invalidColumns(duck, where);
  return invalid.some(isNeeded) ? columns.slice(0, columns.findLastIndex(isNeeded) + 1) : [];
}

/** True too for files that only DuckDB can read here. */
async function mayHaveInvalidTexts(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    const bytes = textBytes(path);
    if (!bytes || !(await areUtf8(bytes))) return true;
  }
  return false;
}

/** The columns with such a value. Drops the tables of malformed rows. */
async function invalidColumns(duck: Duck, where: string): Promise<string[]> {
  const table = `${REJECTS}_errors`;
  const sql = `SELECT DISTINCT column_name FROM ${table} WHERE error_type = 'INVALID ENCODING'`;
  const rows = await duck.rows(sql, where);
  await duck.run(`DROP TABLE ${table}; DROP TABLE ${REJECTS}_scans`, where);
  return rows.map(([name]) => name ?? "");
}
