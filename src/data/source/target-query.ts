import type { ConfigError } from "../../errors.js";
import { numberWire, readColumn, readNumber, type Wire, wrongType } from "./column-query.js";
import { type Duck, quoteName, quoteText } from "./duckdb.js";
import { elementSql } from "./element-query.js";
import type { Source } from "./source.js";

/** Values of a text column that are looked at to tell numbers from words. */
const LOOKED_AT = 1000;
const WORDS_SHOWN = 5;

/** A label or weight. The encoder reads a text as it is written, so that it can show the text of a refused row. */
export interface TargetWire extends Wire {
  /** The same as a DOUBLE, for SQL that computes with it: NaN where the value is no number. */
  readonly number: string;
}

/**
 * The SQL of a label or weight: a number, a boolean, or a text of one.
 *
 * @throws ConfigError if the column is of another type, or its first values are words
 */
export async function targetWire(
  duck: Duck,
  column: string,
  source: Source,
  where: string,
): Promise<TargetWire> {
  const { column: raw, type } = readColumn(source, column, where);
  const number = elementSql(readNumber(source, column, where).column, type, "number");
  if (number === undefined) throw notNumbers(column, type, where, "Derive a column of numbers in sql.");
  if (type === "VARCHAR" || type === "JSON") {
    const words = await onlyWords(duck, raw, number, source);
    if (words)
      throw notNumbers(column, `texts such as ${words.join(", ")}`, where, deriveNext(column, words));
  }
  return { ...numberWire(column, "number", source, where), number };
}

/** Some of the values of a column, most frequent first, as SQL; undefined if one of the first values is a number. */
async function onlyWords(
  duck: Duck,
  column: string,
  number: string,
  source: Source,
): Promise<string[] | undefined> {
  const looked = `SELECT ${column} AS word, ${number} AS number FROM (${source.select()})`;
  const first = `SELECT * FROM (${looked}) WHERE word IS NOT NULL LIMIT ${LOOKED_AT}`;
  const found = `SELECT word, min(NOT isnan(number)) FROM (${first}) GROUP BY word ORDER BY count(*) DESC, word`;
  const values = await duck.rows(found, source.where);
  if (values.length === 0 || values.some(([, isNumber]) => isNumber === "true")) return undefined;
  return values.slice(0, WORDS_SHOWN).map(([word]) => quoteText(word as string));
}

/** The rarest of two values is most likely the one to predict. */
function deriveNext(column: string, words: readonly string[]): string {
  const name = quoteName(column);
  const select = `SELECT * REPLACE (${name} = ${words.at(-1)} AS ${name}) FROM source`;
  return `Derive it in sql from the value that means 1, here ${words.at(-1)}: ${select}.`;
}

function notNumbers(column: string, got: string, where: string, next: string): ConfigError {
  return wrongType(column, got, where, "a number or a boolean", next);
}
