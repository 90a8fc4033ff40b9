import type { ConfigError } from "../../errors.js";
import { elementSql, readColumn, type Wire, wrongType } from "./column-query.js";
import type { Duck } from "./duckdb.js";
import type { Source } from "./source.js";

/** Values of a text column that are looked at to tell numbers from words. */
const LOOKED_AT = 1000;

/**
 * The SQL of a label or weight: a number, a boolean, or a text of one.
 *
 * @throws ConfigError if the column is of another type, or its first values are words
 */
export async function targetWire(duck: Duck, column: string, source: Source, where: string): Promise<Wire> {
  const { column: raw, type } = readColumn(source, column, where);
  const sql = elementSql(raw, type, "number");
  if (sql === undefined) throw notNumbers(column, type, where);
  if (type === "VARCHAR" || type === "JSON") {
    const word = await onlyWords(duck, raw, sql, source);
    if (word !== undefined) throw notNumbers(column, `texts such as ${JSON.stringify(word)}`, where);
  }
  return { sql, reads: "number" };
}

/** One of the first values of a column if none of them is a number. */
async function onlyWords(
  duck: Duck,
  column: string,
  sql: string,
  source: Source,
): Promise<string | undefined> {
  const looked = `SELECT ${column} AS word, ${sql} AS number FROM (${source.select()})`;
  const first = `SELECT * FROM (${looked}) WHERE word IS NOT NULL LIMIT ${LOOKED_AT}`;
  const found = `SELECT first(word), count_if(NOT isnan(number)) FROM (${first})`;
  const [[word, numbers]] = await duck.rows(found, source.where);
  return word !== null && numbers === "0" ? word : undefined;
}

function notNumbers(column: string, got: string, where: string): ConfigError {
  const next = `Derive it in sql: SELECT * REPLACE (${column} = 'yes' AS ${column}) FROM source.`;
  return wrongType(column, got, where, "a number or a boolean", next);
}
