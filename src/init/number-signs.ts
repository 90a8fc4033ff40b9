import { quoteName } from "../data/source/duckdb.js";

/** Numbers as people write them: `$1,234.50`, `12 %`, `1,234,567`. */

const SIGNS = "[$€£¥%,\\s]";
const NUMBER = /^[+-]?\s?[$€£¥]?\s?[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\s?[%$€£¥]?$/;
const CURRENCY = /[$€£¥%]/;

/** The texts without their signs; undefined unless all are numbers, and some have signs. */
export function withoutSigns(texts: readonly (string | null)[]): (string | null)[] | undefined {
  const present = texts.filter((text) => text !== null);
  // Most columns end here: their first value is a number without signs, or no number.
  if (!present.some(hasSigns) || !present.every((text) => NUMBER.test(text))) return undefined;
  if (present.some((text) => /^\D*0\d/.test(text)) || !areNumbers(present)) return undefined;
  const signs = new RegExp(SIGNS, "g");
  return texts.map((text) => text?.replace(signs, "") ?? null);
}

const hasSigns = (text: string): boolean => CURRENCY.test(text) || text.includes(",");

/** False for lists of ids with three digits, such as `101,205`: numbers begin with one or two digits as well. */
const areNumbers = (texts: readonly string[]): boolean =>
  texts.some((text) => CURRENCY.test(text)) || texts.some((text) => /^\D*\d{1,2},/.test(text));

/** SQL for a column of such numbers: a DOUBLE. */
export function plainNumberSql(column: string): string {
  const name = quoteName(column);
  return `TRY_CAST(regexp_replace(CAST(${name} AS VARCHAR), '${SIGNS}', '', 'g') AS DOUBLE) AS ${name}`;
}
