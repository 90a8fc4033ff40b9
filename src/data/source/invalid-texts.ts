import { type Demand, namedInSql } from "./demand.js";
import { type Duck, quoteName } from "./duckdb.js";
import { linesSql, type TextPart } from "./text-layout.js";

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
  if (!(await hasInvalidLines(duck, paths, where))) return [];
  const isNamed = namedInSql(demand.sql);
  const isNeeded = (name: string) => demand.wants.has(name) || isNamed(name);
  await duck.rows(`SELECT bit_xor(hash(COLUMNS(*))) FROM (${texts(REJECTS)})`, where);
  const invalid = await rejected(duck, "column_name", where);
  return invalid.some(isNeeded) ? columns.slice(0, columns.findLastIndex(isNeeded) + 1) : [];
}

async function hasInvalidLines(duck: Duck, paths: readonly string[], where: string): Promise<boolean> {
  const options = [
    `store_rejects = true, rejects_limit = 1, rejects_table = '${REJECTS}_errors', rejects_scan = '${REJECTS}_scans'`,
  ];
  await duck.rows(`SELECT count(line) FROM ${linesSql(paths, {}, options)}`, where);
  return (await rejected(duck, "line", where)).length > 0;
}

/** Distinct values of a column of the table of malformed rows, which is dropped. */
async function rejected(duck: Duck, column: string, where: string): Promise<string[]> {
  const table = `${REJECTS}_errors`;
  const rows = await duck.rows(
    `SELECT DISTINCT ${quoteName(column)} FROM ${table} WHERE error_type = 'INVALID ENCODING'`,
    where,
  );
  await duck.run(`DROP TABLE ${table}; DROP TABLE ${REJECTS}_scans`, where);
  return rows.map(([value]) => value ?? "");
}
