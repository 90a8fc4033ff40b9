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
  if (sqlType === "BOOLEAN") return (text) => (/^(true|false)$/i.test(text) ? /^t/i.test(text) : undefined);
  return isInstantType(sqlType) ? timeOf : undefined;
}

function numberOf(text: string): number | undefined {
  const number = /^(true|false)$/i.test(text) ? Number.NaN : numberValue(text);
  return Number.isNaN(number) ? undefined : number;
}

function floatOf(text: string): number | undefined {
  const number = numberOf(text);
  return number === undefined ? undefined : Math.fround(number);
}

function integerOf(text: string): bigint | undefined {
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const number = numberOf(text);
  return Number.isSafeInteger(number) ? BigInt(number!) : undefined;
}

function inRange(value: bigint | undefined, { bits, signed }: IntegerType): bigint | undefined {
  if (value === undefined) return undefined;
  const read = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  return read === value ? value : undefined;
}

/** A decimal with more digits than a double holds keeps them all, as a text. */
function decimalOf(text: string, { digits, scale }: DecimalType): number | string | undefined {
  const [, minus, whole = "", fraction = ""] = /^[+]?(-?)0*(\d*)\.?(\d*?)0*$/.exec(text) ?? [];
  if (minus === undefined) return numberOf(text);
  if (fraction.length > scale || whole.length > digits - scale) return undefined;
  if (whole.length + fraction.length <= 15) return numberOf(text);
  return `${minus}${whole || "0"}${fraction && `.${fraction}`}`;
}

function timeOf(text: string): Date | undefined {
  const instant = instantOf(text);
  return Number.isNaN(instant) ? undefined : new Date(instant);
}
