import {
  type DecimalType,
  decimalType,
  type IntegerType,
  integerType,
  isInstantType,
  listElement,
} from "./sql-types.js";
import { DOUBLE_DIGITS, FALSE, TRUE, type TypeTexts, textsOf } from "./type-texts.js";
import { isList, numberValue, trimmedText } from "./values.js";

/** Values of requests in columns that files have as values of a SQL type: both give features the same value. */

/**
 * Stands for a value that does not have the type of its column: a text that is none of the type, which features may impute as
 * they do other texts that are no number, or with `isInexact` one that the type would change, which every feature refuses.
 */
export class UnreadableValue {
  constructor(
    readonly value: unknown,
    readonly isInexact: boolean,
  ) {}
}

/** What a feature reads of a column. */
export type TypedForm = "number" | "time" | "other";

/** Reads a value of a request as a column of the type has it. */
export type TypedReader = (value: unknown, form: TypedForm) => unknown;

/** `undefined` for types of texts and objects, and for lists of them. */
export function typedReader(sqlType: string): TypedReader | undefined {
  const element = listElement(sqlType);
  const read = textReader(element ?? sqlType);
  if (read === undefined) return undefined;
  const readValue = valueReader(read, element ?? sqlType);
  if (element === undefined) return readValue;
  const texts = textsOf(sqlType);
  return texts && listReader(readValue, texts);
}

function valueReader(read: TextReader, sqlType: string): TypedReader {
  const readText = (value: unknown, text: string, form: TypedForm) =>
    text === "" ? null : known(read(text, form), value);
  return (value, form) => {
    if (typeof value === "string") return readText(value, withTruth(trimmedText(value), sqlType, form), form);
    if (typeof value === "boolean") return readText(value, withTruth(String(value), sqlType, form), form);
    // Dates of which a text needs more than four digits for the year stay as they are.
    if (value instanceof Date && isInstantType(sqlType) && isUsualYear(value)) {
      const date = readText(value, value.toISOString(), form);
      return date instanceof UnreadableValue ? date : value;
    }
    const isNumber = typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value));
    if (!isNumber || (form === "time" && isInstantType(sqlType))) return value;
    const number = readText(value, String(value), form);
    const isInexact = typeof value === "number" && Math.abs(value) >= 2 ** 53;
    // Such a number may stand for several integers; ids refuse it.
    return isInexact && !(number instanceof UnreadableValue) ? value : number;
  };
}

function known(read: unknown, value: unknown): unknown {
  return read === undefined || read === INEXACT ? new UnreadableValue(value, read === INEXACT) : read;
}

const isUsualYear = (date: Date) => date.getUTCFullYear() >= 0 && date.getUTCFullYear() <= 9999;

/** Features of numbers read truth values as 1 and 0. */
function withTruth(text: string, sqlType: string, form: TypedForm): string {
  if (form !== "number" || sqlType === "BOOLEAN" || !/^(true|false)$/i.test(text)) return text;
  return text.toLowerCase() === "true" ? "1" : "0";
}

/** A list, or the text of one in brackets. */
function listReader(readValue: TypedReader, texts: TypeTexts): TypedReader {
  const [exact, readable] = [texts.exact, texts.read].map((pattern) => new RegExp(`^(?:${pattern})$`));
  return (value, form) => {
    if (isList(value)) return Array.from(value, (part) => readValue(part, form));
    if (typeof value !== "string") return value;
    const text = trimmedText(value);
    if (text === "") return null;
    if (!exact.test(text)) return new UnreadableValue(value, readable.test(text));
    return partsOf(text).map((part) => (part === null ? null : readValue(part, form)));
  };
}

/** The elements of a text in brackets. */
function partsOf(text: string): (string | null)[] {
  const inner = trimmedText(text.slice(1, -1));
  if (inner === "") return [];
  return inner.split(",").map((part) => (/^\s*null\s*$/i.test(part) ? null : part));
}

/** A number or a time that the type does not hold exactly. */
const INEXACT = Symbol();

/** Reads a text that has no white space around it; `undefined` if it is no value of the type. */
type TextReader = (text: string, form: TypedForm) => unknown;
/** The same for the match of the exact texts of the type. */
type MatchReader = (match: RegExpExecArray, form: TypedForm) => unknown;

function textReader(sqlType: string): TextReader | undefined {
  if (sqlType === "UUID") return uuidOf;
  if (sqlType.startsWith("ENUM(")) return enumReader(sqlType);
  const read = matchReader(sqlType);
  if (read === undefined) return undefined;
  const texts = textsOf(sqlType)!;
  const [exact, readable] = [texts.exact, texts.read].map((pattern) => new RegExp(`^(?:${pattern})$`));
  const scientific = texts.scientific === undefined ? undefined : new RegExp(`^(?:${texts.scientific})$`);
  const readScientific = scientificReader(sqlType, exact, read);
  return (text, form) => {
    const match = exact.exec(text);
    if (match) return read(match, form);
    if (scientific?.test(text)) return readScientific(text);
    return readable.test(text) ? INEXACT : undefined;
  };
}

/** A number with an exponent, if the exact type keeps it and it has no more digits than a double holds. */
function scientificReader(sqlType: string, exact: RegExp, read: MatchReader): (text: string) => unknown {
  const limit = Number(`1e${DOUBLE_DIGITS - (decimalType(sqlType)?.scale ?? 0)}`);
  return (text) => {
    const match = Math.abs(Number(text)) < limit ? exact.exec(withoutExponent(text)) : null;
    return (match && read(match, "other")) ?? INEXACT;
  };
}

function withoutExponent(text: string): string {
  const [, sign, whole, fraction = "", exponent] = /^([+-]?)(\d+)(?:\.(\d*))?[eE](.*)$/.exec(text)!;
  const point = whole.length + Number(exponent);
  const digits = `${"0".repeat(Math.max(0, -point))}${whole}${fraction}`.padEnd(point, "0");
  return `${sign}${digits.slice(0, Math.max(0, point)) || "0"}.${digits.slice(Math.max(0, point))}`;
}

function matchReader(sqlType: string): MatchReader | undefined {
  const integer = integerType(sqlType);
  if (integer) return ([text]) => inRange(integerOf(text), integer);
  const decimal = decimalType(sqlType);
  if (decimal) return ([text]) => decimalOf(text, decimal);
  if (isInstantType(sqlType)) return instantReader(sqlType);
  return READERS[sqlType];
}

const READERS: Readonly<Record<string, MatchReader>> = {
  DOUBLE: ([text], form) => numberOf(text, form),
  FLOAT: ([text], form) => floatOf(text, form),
  BOOLEAN: ([text]) => truthOf(text),
  TIME: (match) => timeOfDay(match),
  "TIME WITH TIME ZONE": zonedTimeOfDay,
};

function truthOf(text: string): boolean | undefined {
  const truth = TRUE.includes(text.toLowerCase());
  return truth || FALSE.includes(text.toLowerCase()) ? truth : undefined;
}

/** With or without hyphens, in braces or not, in capitals or not. */
function uuidOf(text: string): string | undefined {
  const inner = /^\{.*\}$/.test(text) ? text.slice(1, -1) : text;
  const digits = inner.replaceAll("-", "").toLowerCase();
  if (!/^[\da-f]{32}$/.test(digits)) return undefined;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** One of the values that the type lists: `ENUM('a', 'it''s')`. */
function enumReader(sqlType: string): TextReader {
  const listed = Array.from(sqlType.matchAll(/'((?:[^']|'')*)'/g), ([, value]) =>
    value.replaceAll("''", "'"),
  );
  const values = new Set(listed);
  return (text) => (values.has(text) ? text : undefined);
}

/** Features of numbers have a rule of their own for infinities. */
function numberOf(text: string, form: TypedForm): number | typeof INEXACT {
  const number = numberValue(text)!;
  if (!Number.isNaN(number)) return Number.isFinite(number) || form === "number" ? number : INEXACT;
  const infinity = text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /inf/i.test(text) ? infinity : Number.NaN;
}

/** Features of numbers read the nearest number; others refuse integers that the type rounds. */
function floatOf(text: string, form: TypedForm): number | typeof INEXACT {
  const number = numberOf(text, form);
  if (number === INEXACT) return INEXACT;
  const float = Math.fround(number);
  if (form !== "number" && Number.isFinite(number) && !Number.isFinite(float)) return INEXACT;
  const isRounded = /^[+-]?\d+(\.0*)?$/.test(text) && float !== number;
  return form !== "number" && isRounded ? INEXACT : float;
}

/** An integer with nothing but zeros after the point, or none. */
const integerOf = (text: string) => BigInt(text.replace(/^\+|\..*$/g, ""));

function inRange(value: bigint, { bits, signed }: IntegerType): bigint | undefined {
  const read = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  return read === value ? value : undefined;
}

/** A decimal with more digits than a double holds keeps them all, as a text. */
function decimalOf(text: string, { digits, scale }: DecimalType): number | string | undefined {
  const [, sign, whole, fraction = ""] = /^([+-]?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text)!;
  if (whole.length > digits - scale) return undefined;
  const plain = `${whole || "0"}${fraction && `.${fraction}`}`;
  const signed = sign === "-" && /[1-9]/.test(plain) ? `-${plain}` : plain;
  const significant = `${whole}${fraction}`.replace(/^0+/, "");
  return significant.length <= DOUBLE_DIGITS ? Number(signed) : signed;
}

/** A time of day as DuckDB writes it, to the microsecond. */
function timeOfDay([, hour, minute, second = "0", fraction = ""]: RegExpExecArray): string {
  const whole = [hour, minute, second].map((part) => part.padStart(2, "0")).join(":");
  const digits = fraction.replace(/0+$/, "");
  return digits ? `${whole}.${digits}` : whole;
}

function zonedTimeOfDay(match: RegExpExecArray): string | undefined {
  const [sign = "+", hours = "00", minutes = "00"] = match.slice(5);
  if (Number(hours) > 15 || Number(minutes) > 59) return undefined;
  const isUtc = Number(hours) + Number(minutes) === 0;
  return `${timeOfDay(match)}${isUtc ? "+" : sign}${hours}${Number(minutes) === 0 ? "" : `:${minutes}`}`;
}

/** The milliseconds since 1970 of which 64 bits hold the nanoseconds. */
const LATEST_NS = 2 ** 63 / 1e6;

/** Without a time zone values are in UTC. Finer digits than milliseconds do not count, as in ids. */
function instantReader(sqlType: string): MatchReader {
  const [latest, isDate] = [
    sqlType === "TIMESTAMP_NS" ? LATEST_NS : Number.POSITIVE_INFINITY,
    sqlType === "DATE",
  ];
  return ([, year, dashed, slashed, day, ...clock]) => {
    const date = dayOf(Number(year), Number(dashed ?? slashed), Number(day));
    const instant = isDate ? date : date + millisecondsOf(clock);
    return Math.abs(instant) <= latest ? new Date(instant) : undefined;
  };
}

/** Milliseconds since 1970; NaN if there is no such day. */
function dayOf(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() : Number.NaN;
}

function millisecondsOf(clock: readonly (string | undefined)[]): number {
  const [hour = "0", minute = "0", second = "0", fraction = "", sign, hours = "0", minutes = "0"] = clock;
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const seconds = (Number(hour) * 60 + Number(minute) - offset) * 60 + Number(second);
  return seconds * 1000 + Number(fraction.slice(0, 3).padEnd(3, "0"));
}
