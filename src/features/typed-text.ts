import { instantOf } from "./instant.js";
import { type DecimalType, decimalType, type IntegerType, integerType, isInstantType } from "./sql-types.js";
import { numberValue, trimmedText } from "./values.js";

/** Texts of requests in columns that text files have as values of a SQL type: both give features the same value. */

/** Reads a text that has no white space around it; `undefined` if it is no value of the type. */
type TextReader = (text: string) => unknown;

/** Stands for a text that is no value of its type: every feature refuses it. */
class UnreadableText {
  constructor(readonly text: string) {}
}

/**
 * Returns the value of a text as a column of the type has it; blank texts are missing. `undefined` for types of texts, lists
 * and objects.
 */
export function typedTextReader(sqlType: string): TextReader | undefined {
  const read = readerOf(sqlType);
  return (
    read &&
    ((text) => (trimmedText(text) === "" ? null : (read(trimmedText(text)) ?? new UnreadableText(text))))
  );
}

function readerOf(sqlType: string): TextReader | undefined {
  const integer = integerType(sqlType);
  if (integer) return (text) => inRange(integerOf(text), integer);
  const decimal = decimalType(sqlType);
  if (decimal) return (text) => decimalOf(text, decimal);
  if (sqlType === "DOUBLE") return numberOf;
  if (sqlType === "FLOAT") return floatOf;
  if (sqlType === "BOOLEAN") return (text) => TRUTHS.get(text.toLowerCase());
  if (sqlType === "UUID") return uuidOf;
  if (sqlType === "TIME") return timeOfDay;
  return isInstantType(sqlType) ? timeOf : undefined;
}

/** The spellings that DuckDB reads. */
const TRUTHS = new Map<string, boolean>([
  ...["true", "t", "1", "yes", "y"].map((text) => [text, true] as const),
  ...["false", "f", "0", "no", "n"].map((text) => [text, false] as const),
]);

/** With or without hyphens, in braces or not, in capitals or not. */
function uuidOf(text: string): string | undefined {
  const inner = /^\{.*\}$/.test(text) ? text.slice(1, -1) : text;
  const digits = inner.replaceAll("-", "").toLowerCase();
  if (!/^[\da-f]{32}$/.test(digits)) return undefined;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const DAYTIME = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?Z?)?$/;

/** A time of day as DuckDB writes it, to the microsecond. */
function timeOfDay(text: string): string | undefined {
  const [, hours, minutes, seconds = "0", fraction = ""] = DAYTIME.exec(text) ?? [];
  if (hours === undefined || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const whole = [hours, minutes, seconds].map((part) => part.padStart(2, "0")).join(":");
  const digits = fraction.slice(0, 6).replace(/0+$/, "");
  const time = digits ? `${whole}.${digits}` : whole;
  return Number(hours) < 24 || time === "24:00:00" ? time : undefined;
}

function numberOf(text: string): number | undefined {
  const number = /^(true|false)$/i.test(text) ? Number.NaN : numberValue(text);
  return Number.isNaN(number) ? undefined : number;
}

function floatOf(text: string): number | undefined {
  const number = numberOf(text);
  return number === undefined ? undefined : Math.fround(number);
}

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3}))?$/;

/** A number without an exponent and without zeros at its ends, with all digits; `undefined` for other texts. */
function plainDecimal(text: string): string | undefined {
  const [, sign, whole, fraction, exponent = "0"] = DECIMAL.exec(text) ?? [];
  if (sign === undefined || whole + fraction === "") return undefined;
  const point = whole.length + Number(exponent);
  const digits = `${"0".repeat(Math.max(0, -point))}${whole}${fraction}`.padEnd(point, "0");
  const end = Math.max(0, point);
  const ones = digits.slice(0, end).replace(/^0+/, "") || "0";
  const parts = digits.slice(end).replace(/0+$/, "");
  return `${sign === "-" ? "-" : ""}${ones}${parts && `.${parts}`}`;
}

function integerOf(text: string): bigint | undefined {
  const digits = /^0(x[\da-f]+|b[01]+)$/i.test(text) ? text : plainDecimal(text);
  return digits === undefined || digits.includes(".") ? undefined : BigInt(digits);
}

function inRange(value: bigint | undefined, { bits, signed }: IntegerType): bigint | undefined {
  if (value === undefined) return undefined;
  const read = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  return read === value ? value : undefined;
}

/** A decimal with more digits than a double holds keeps them all, as a text. */
function decimalOf(text: string, { digits, scale }: DecimalType): number | string | undefined {
  const plain = plainDecimal(text);
  if (plain === undefined) return undefined;
  const [whole, fraction = ""] = plain.replace("-", "").split(".");
  const ones = whole === "0" ? "" : whole;
  if (fraction.length > scale || ones.length > digits - scale) return undefined;
  return ones.length + fraction.length <= 15 ? Number(plain) : plain;
}

function timeOf(text: string): Date | undefined {
  const instant = instantOf(text);
  return Number.isNaN(instant) ? undefined : new Date(instant);
}
