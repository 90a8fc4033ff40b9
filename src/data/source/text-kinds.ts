import { NUMBER_TEXT } from "../../features/type-texts.js";
import { trimmedSql } from "../../features/values.js";
import { NO_TYPE } from "./common-type.js";

/** What texts are: the kinds of values that SQL can compute with, and the types that hold them. */

/** What a text can be read as without a change; one bit each. */
export const KIND = {
  integer: 1,
  /** An integer that a double may merge with its neighbours. */
  longInteger: 2,
  /** An integer beyond 64 bits. */
  hugeInteger: 4,
  number: 8,
  /** Digits after a leading zero: a number, or a code that loses its zeros as a number. */
  zeroLed: 16,
  boolean: 32,
  date: 64,
  timestamp: 128,
  zonedTimestamp: 256,
  time: 512,
  /** DuckDB reads it as a number, and nothing else does: `1_000`, `+-5`. */
  oddNumber: 1024,
  text: 2048,
  /** Only white space: missing where a number is read. */
  blank: 4096,
} as const;

export const INTEGERS = KIND.integer | KIND.longInteger | KIND.hugeInteger;
export const LONG = KIND.longInteger | KIND.hugeInteger;
export const NUMBERS = INTEGERS | KIND.number | KIND.zeroLed;

const INTEGER = "-?(0|[1-9][0-9]*)";
const DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
const TIME = "[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)?";
const ZONE = "(Z|z| UTC| ?[+-][0-9]{2}(:?[0-9]{2})?)";

/** A text that is at most this long is an integer below 2^53. */
const SAFE_DIGITS = 15;

/** SQL for the kind of a text; 0 for a missing one. */
export function kindSql(column: string): string {
  const text = trimmedSql(column);
  const isA = (pattern: string) => `regexp_full_match(${text}, '${pattern}')`;
  const reads = (type: string) => `TRY_CAST(${text} AS ${type}) IS NOT NULL`;
  return `CASE WHEN ${column} IS NULL OR ${column} = '' THEN 0
    WHEN ${text} = '' THEN ${KIND.blank}
    WHEN ${isA(INTEGER)} THEN CASE WHEN length(${text}) <= ${SAFE_DIGITS} THEN ${KIND.integer}
      WHEN ${reads("BIGINT")} THEN ${KIND.longInteger} WHEN ${reads("HUGEINT")} THEN ${KIND.hugeInteger}
      ELSE ${KIND.text} END
    WHEN ${isA("-?[0-9]+")} THEN ${KIND.zeroLed}
    WHEN ${isA(NUMBER_TEXT)} THEN ${KIND.number}
    WHEN regexp_matches(${text}, '_|\\+-') AND ${reads("DOUBLE")} THEN ${KIND.oddNumber}
    WHEN lower(${text}) IN ('true', 'false') THEN ${KIND.boolean}
    WHEN ${isA(DATE)} AND ${reads("DATE")} THEN ${KIND.date}
    WHEN ${isA(`${DATE}[T ]${TIME}`)} AND ${reads("TIMESTAMP")} THEN ${KIND.timestamp}
    WHEN ${isA(`${DATE}[T ]${TIME}${ZONE}`)} AND ${reads("TIMESTAMPTZ")} THEN ${KIND.zonedTimestamp}
    WHEN ${isA(TIME)} AND ${reads("TIME")} THEN ${KIND.time}
    ELSE ${KIND.text} END`;
}

/** The narrowest type that values of all these kinds have, without blank ones. */
export function exactType(kinds: number): string {
  const has = (kind: number) => (kinds & kind) !== 0;
  const only = (allowed: number) => (kinds & ~allowed & ~KIND.blank) === 0;
  if (only(0)) return NO_TYPE;
  if (only(INTEGERS)) return has(KIND.hugeInteger) ? "HUGEINT" : "BIGINT";
  if (only(INTEGERS | KIND.number)) return "DOUBLE";
  if (only(KIND.boolean)) return "BOOLEAN";
  if (only(KIND.time)) return "TIME";
  if (only(KIND.date)) return "DATE";
  if (only(KIND.date | KIND.timestamp)) return "TIMESTAMP";
  if (only(KIND.date | KIND.timestamp | KIND.zonedTimestamp)) return "TIMESTAMP WITH TIME ZONE";
  return "VARCHAR";
}
