import {
  canonicalSql,
  digitsSql,
  isRefusedSql,
  microsecondsSql,
  shortestSql,
} from "../../features/canonical.js";
import { ISO_TIME } from "../../features/instant.js";
import { numberSql } from "../../features/values.js";
import type { ReadColumn } from "../source/column-query.js";

/** SQL for the values by which rows are divided. NULL: the row has no such value. */

/** Integers and decimals without signs and zeros that could be left out, 1e-4 and more. */
const SHORTEST_TEXT = "0|-?[1-9]\\d*|-?(0\\.0{0,3}([1-9]|[1-9]\\d*[1-9])|[1-9]\\d*\\.\\d*[1-9])";
/** So many characters are canonical as they stand; a 32-bit float may stand for a decimal of more digits. */
const CANONICAL_LENGTH = 11;
const DECIMAL_TEXT = "[+-]?\\d*\\.\\d+";
const INTEGER_TEXT = "[+-]?\\d+(\\.0*)?";
const NUMBER_TEXT = "[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?";
const ISO_TEXT = ISO_TIME.source;

/**
 * A text that is equal for equal values, however they are written or stored: `7`, `007`, `7.0` and the integer 7 of any
 * width; `2001-06-18` and a date; `2001-06-18 08:15:00+02:00` and a timestamp.
 * @returns undefined for a type that has no such text
 */
export function equalText({ column, type }: ReadColumn): string | undefined {
  const text = type === "VARCHAR" ? textOfText(column) : canonicalSql(column, type);
  return text && `CASE WHEN NOT (${isRefusedSql(text)}) THEN ${text} END`;
}

function textOfText(x: string): string {
  const digits = `regexp_replace(${x}, '^\\+?(-?)0*(\\d+)(\\.0*)?$', '\\1\\2')`;
  return `CASE
    WHEN ${x} = '' THEN NULL
    WHEN regexp_full_match(${x}, '${SHORTEST_TEXT}')
      THEN CASE WHEN length(${x}) <= ${CANONICAL_LENGTH} THEN ${x} ELSE ${shortestSql(x)} END
    WHEN regexp_full_match(${x}, '${INTEGER_TEXT}') THEN coalesce(nullif(${digits}, '-0'), '0')
    WHEN regexp_full_match(${x}, '${DECIMAL_TEXT}') THEN ${digitsSql(`regexp_replace(${x}, '^\\+?(-?)0*', '\\1')`, `CAST(${x} AS DOUBLE)`)}
    WHEN regexp_full_match(${x}, '${NUMBER_TEXT}') THEN ${canonicalSql(`TRY_CAST(${x} AS DOUBLE)`, "DOUBLE")}
    WHEN regexp_full_match(${x}, '${ISO_TEXT}')
      THEN coalesce(${canonicalSql(`make_timestamp(${microseconds(x)})`, "TIMESTAMP")}, ${x})
    ELSE ${x} END`;
}

/** Microseconds since 1970 in UTC of a text; NULL if it is not a time. */
function microseconds(x: string): string {
  const zoned = `regexp_matches(substring(${x}, 11), '[Z+-]')`;
  const time = `CASE WHEN ${zoned} THEN epoch_us(TRY_CAST(${x} AS TIMESTAMPTZ)) ELSE epoch_us(TRY_CAST(${x} AS TIMESTAMP)) END`;
  return `CASE WHEN regexp_full_match(${x}, '${ISO_TEXT}') THEN ${time} END`;
}

/**
 * What the values of a time column are: microseconds since 1970 in UTC, or numbers of any meaning. Integers are compared
 * with all their digits.
 */
export type TimeUnit = "microseconds" | "integer" | "number";

/** A time column as numbers, by unit: of one unit, or of every one if it is text. */
export function timeNumbers({ column: x, type }: ReadColumn): Partial<Record<TimeUnit, string>> {
  if (type === "DATE") return { microseconds: `epoch_us(${x})` };
  if (type.startsWith("TIMESTAMP")) return { microseconds: `epoch_us(${microsecondsSql(x, type)})` };
  if (/^(U?(TINY|SMALL|BIG)INT|U?INTEGER|HUGEINT|DECIMAL\(.*,0\))$/.test(type))
    return { integer: `CAST(${x} AS HUGEINT)` };
  if (/^(DECIMAL\(.*\)|FLOAT|DOUBLE|UHUGEINT)$/.test(type)) return { number: finite(numberSql(x, type)!) };
  if (type !== "VARCHAR") return {};
  const read = (pattern: string, as: string) =>
    `CASE WHEN regexp_full_match(${x}, '${pattern}') THEN TRY_CAST(${x} AS ${as}) END`;
  return {
    microseconds: microseconds(x),
    integer: read("[+-]?\\d+", "HUGEINT"),
    number: finite(read(NUMBER_TEXT, "DOUBLE")),
  };
}

function finite(x: string): string {
  return `CASE WHEN isfinite(${x}) THEN ${x} END`;
}

/**
 * A number in [0, 1) that is a function of a text only, for shares of rows: the last 8 bytes of the text's MD5 as a
 * little-endian integer, divided by 2^64, with 53 bits.
 */
export function unitOf(text: string): string {
  return `(CAST(md5_number_lower(${text}) >> 11 AS DOUBLE) / ${2 ** 53})`;
}
