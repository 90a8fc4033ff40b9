import { DataError } from "../../errors.js";
import { type Duck, quoteText } from "./duckdb.js";
import { textRows } from "./vectors.js";

/**
 * Fractions in JSON that are ids. DuckDB gives the digits of the nearest double, so two fractions that differ after the 17th
 * digit would be one id. Only the text of the file shows it.
 */

/** A number that a double may not hold has at least this many digits. */
const DIGITS = 16;

/**
 * @param objects a SELECT of the objects of the files as `json`, and of their paths as `filename`
 * @throws DataError with the first number in one of the columns that its double does not stand for
 */
export async function refuseInexactIds(
  duck: Duck,
  objects: string,
  columns: readonly string[],
  where: string,
): Promise<void> {
  if (columns.length === 0) return;
  const sql = `SELECT CAST(json AS VARCHAR), filename FROM (${objects}) WHERE regexp_matches(json, ${quoteText(`[0-9.]{${DIGITS}}`)})`;
  for await (const chunk of duck.stream(sql, where))
    for (const [json, file] of textRows(chunk)) {
      const record = parseWords(json!);
      for (const column of columns) {
        const inexact = wordsOf(record[column]).find(isInexact);
        if (inexact !== undefined) throw inexactId(column, inexact, file!, where);
      }
    }
}

/** Marks what is no text in JSON: a number as it is written, true, null, or NaN, which only DuckDB reads. */
const WORD = "\u0000";

/** A text, a comma that only DuckDB reads, or a word. */
const TOKENS = /"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])|[^\s"{}[\],:]+/g;

function parseWords(json: string): Record<string, unknown> {
  const marked = (token: string) => (token === "," ? "" : JSON.stringify(WORD + token));
  return JSON.parse(json.replace(TOKENS, (token) => (token.startsWith('"') ? token : marked(token))));
}

/** The words of a value that are ids: the value itself, the elements of a list, the keys of `{ key, value }`. */
function wordsOf(value: unknown): string[] {
  if (typeof value === "string") return value.startsWith(WORD) ? [value.slice(WORD.length)] : [];
  if (Array.isArray(value)) return value.flatMap(wordsOf);
  return value !== null && typeof value === "object" && "key" in value ? wordsOf(value.key) : [];
}

/** False for integers, whose digits DuckDB keeps. */
function isInexact(word: string): boolean {
  const double = Number(word);
  return !/^-?\d+$/.test(word) && Number.isFinite(double) && digitsOf(word) !== digitsOf(String(double));
}

/** Without sign, point and exponent, and without zeros at both ends. */
function digitsOf(number: string): string {
  return number
    .replace(/e.*$/i, "")
    .replace(/[-+.]/g, "")
    .replace(/^0+|0+$/g, "");
}

function inexactId(column: string, number: string, file: string, where: string): DataError {
  return new DataError({
    what: `a number in the column ${column} has more digits than a floating-point number holds, so it is no exact id`,
    where: `${where}, column ${column}`,
    got: `${number} in ${file}`,
    expected: `a number such as ${Number(number)}, or a text`,
    next: `Write the values of the column as texts: "${number}".`,
  });
}
