/** Converts raw JavaScript values to numbers and lists, with the same meaning as values in files. */

import { canonicalText } from "./canonical.js";
import { listOfText } from "./list-text.js";

/** Around numbers only ASCII white space counts, in files as in JavaScript. */
const SPACE = "[ \\t\\n\\v\\f\\r]*";
const numberWith = (mark: string) =>
  `${SPACE}[+-]?([0-9]+${mark}?[0-9]*|${mark}[0-9]+)([eE][+-]?[0-9]+)?${SPACE}`;
const DECIMAL = numberWith("\\.");
const COMMA_DECIMAL = numberWith(",");
const decimal = new RegExp(`^${DECIMAL}$`);
const blank = new RegExp(`^${SPACE}$`);
const nan = new RegExp(`^${SPACE}nan${SPACE}$`, "i");
const truth = new RegExp(`^${SPACE}(true|false)${SPACE}$`, "i");

/** Converts a value to a number; `undefined` if it is missing, NaN if it is not a number. -0 is 0: integers have no -0. */
export function numberValue(value: unknown): number | undefined {
  switch (typeof value) {
    case "number":
      return value + 0;
    case "bigint":
      return Number(value);
    case "boolean":
      return value ? 1 : 0;
    case "string":
      return numberOfText(value);
    default:
      return value === null || value === undefined || isNoDate(value) ? undefined : Number.NaN;
  }
}

/** `new Date(NaN)`: JSON has no value for it, so that it is missing in rows of training. */
const isNoDate = (value: unknown) => value instanceof Date && Number.isNaN(value.getTime());

function numberOfText(text: string): number | undefined {
  if (decimal.test(text)) return Number(text) + 0;
  if (blank.test(text)) return undefined;
  const [, word] = truth.exec(text) ?? [];
  return word === undefined ? Number.NaN : Number(word.toLowerCase() === "true");
}

const commaDecimal = new RegExp(`^${COMMA_DECIMAL}$`);

/** A value whose text has a decimal comma, as {@link numberValue} reads it. A number with a point is none then. */
export function withDecimalPoint(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (commaDecimal.test(value)) return value.replace(",", ".");
  return decimal.test(value) ? value.replace(".", ",") : value;
}

/** SQL that computes {@link withDecimalPoint} for a text. */
export function decimalPointSql(text: string): string {
  return `CASE WHEN regexp_full_match(${text}, '${COMMA_DECIMAL}') THEN replace(${text}, ',', '.')
    WHEN regexp_full_match(${text}, '${DECIMAL}') THEN replace(${text}, '.', ',') ELSE ${text} END`;
}

/** True for NaN and a text of it. */
export function isNaNValue(value: unknown): boolean {
  return typeof value === "string" ? nan.test(value) : Number.isNaN(value);
}

/** The elements of a list, of separated text, or of a single value; `undefined` if the list is missing, as an empty text is. */
export function listValue(value: unknown, separator: string): ArrayLike<unknown> | undefined {
  if (value === null || value === undefined || value === "" || isNoDate(value)) return undefined;
  if (typeof value === "string") return listOfText(value, separator);
  return isList(value) ? value : [value];
}

/** {@link listValue} of texts: a single value without a text, such as NaN, is a missing list. */
export function textsValue(value: unknown, separator: string): ArrayLike<unknown> | undefined {
  const isSingle = typeof value !== "string" && !isList(value);
  return isSingle && canonicalText(value) === undefined ? undefined : listValue(value, separator);
}

/** The elements of a list of numbers, or of separated text; blank text is a missing list. */
export function vectorValue(value: unknown, separator: string): unknown {
  if (isNoDate(value)) return undefined;
  if (typeof value !== "string") return value ?? undefined;
  return blank.test(value) ? undefined : listOfText(value, separator);
}

/** The same values as an array; `map` of a typed array has numbers only. */
export function asArray(values: ArrayLike<unknown>): readonly unknown[] {
  return Array.isArray(values) ? values : Array.from(values);
}

export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

const DIGITS_OF_DOUBLE = 15;

/** SQL that computes {@link numberValue} for a column of a DuckDB type; `undefined` for a type that cannot be a number. */
export function numberSql(column: string, type: string, nanIsMissing = false): string | undefined {
  if (/^(U?(TINY|SMALL|BIG)INT|U?INTEGER|BOOLEAN)$/.test(type)) return `CAST(${column} AS DOUBLE)`;
  const digits = Number(/^DECIMAL\((\d+),\d+\)$/.exec(type)?.[1]);
  if (digits <= DIGITS_OF_DOUBLE) return `CAST(${column} AS DOUBLE)`;
  // DuckDB's own conversion of these is not rounded correctly.
  if (digits || /^(U?HUGEINT|BIGNUM)$/.test(type)) return `CAST(CAST(${column} AS VARCHAR) AS DOUBLE)`;
  if (type === "FLOAT" || type === "DOUBLE") {
    const x = `CAST(${column} AS DOUBLE)`;
    return nanIsMissing ? `CASE WHEN NOT isnan(${x}) THEN ${x} END` : x;
  }
  return type === "VARCHAR" ? textNumberSql(column, nanIsMissing) : undefined;
}

const spaces = new RegExp(`^${SPACE}|${SPACE}$`, "g");

/** A text without the white space around it. */
export const trimmedText = (text: string) => text.replace(spaces, "");

/** SQL that computes {@link trimmedText}. */
export const trimmedSql = (column: string) =>
  // The characters themselves: thousands of columns with chr(9) || … would take seconds to plan.
  `trim(${column}, ' \t\n\v\f\r')`;

/** SQL for a text with 1 and 0 in place of truth values, which {@link numberValue} reads as these numbers. */
export function truthSql(text: string): string {
  return `CASE lower(${trimmedSql(text)}) WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE ${text} END`;
}

function textNumberSql(column: string, nanIsMissing: boolean): string {
  const word = `lower(${trimmedSql(column)})`;
  const missing = nanIsMissing ? `${word} IN ('', 'nan')` : `${word} = ''`;
  // What DuckDB reads as a finite number has the pattern, but for 1_0 and +-5; this is faster for most cells.
  const number = `TRY_CAST(${column} AS DOUBLE)`;
  return `CASE WHEN ${column} IS NULL THEN NULL
    WHEN isfinite(${number}) AND NOT contains(${column}, '_') AND NOT contains(${column}, '+-') THEN ${number}
    WHEN regexp_full_match(${column}, '${DECIMAL}') THEN CAST(${column} AS DOUBLE)
    WHEN ${word} = 'true' THEN 1 WHEN ${word} = 'false' THEN 0
    WHEN NOT (${missing}) THEN CAST('nan' AS DOUBLE) END`;
}
