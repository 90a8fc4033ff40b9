import { isUtf8 } from "node:buffer";
import { type DescField, ScalarType } from "@bufbuild/protobuf";
import type { ErrorReport } from "../errors.js";

/** A type of value in protobuf's text format: what it looks like, and its name in error messages. */
interface ValueType {
  readonly pattern: RegExp;
  readonly name: string;
}

const text: ValueType = {
  // Pieces in quotes are one text.
  pattern:
    /^(?:\s*(?:#.*\n)*(["'])(?:(?!\1)[^\\]|\\(?:[abfnrtv\\'"]|(?![4-7][0-7]{2})[0-7]{1,3}|x[\da-fA-F]{1,2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}))*\1)+$/,
  name: "a text in quotes, with escapes such as \\n and \\x1d",
};
const boolean: ValueType = { pattern: /^(true|false|t|f|True|False|0|1)$/, name: "true or false" };
const natural: ValueType = { pattern: /^(-?0|\d+|0x[\da-f]+)$/i, name: "an integer of at least 0" };
const integer: ValueType = { pattern: /^-?(\d+|0x[\da-f]+)$/i, name: "an integer" };
const number: ValueType = {
  pattern: /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?f?$|^-?(inf|infinity|nan)f?$/i,
  name: "a number",
};

const TYPES: Readonly<Partial<Record<ScalarType, ValueType>>> = {
  [ScalarType.STRING]: text,
  [ScalarType.BOOL]: boolean,
  [ScalarType.UINT32]: natural,
  [ScalarType.UINT64]: natural,
  [ScalarType.INT32]: integer,
  [ScalarType.FLOAT]: number,
  [ScalarType.DOUBLE]: number,
};

/** The least and the largest integer of a type. */
const RANGES: Readonly<Partial<Record<ScalarType, readonly [bigint, bigint]>>> = {
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
};

function isInRange(scalar: ScalarType | undefined, value: string): boolean {
  const range = scalar === undefined ? undefined : RANGES[scalar];
  const digits = BigInt(range ? value.replace("-", "") : 0);
  const number = value.startsWith("-") ? -digits : digits;
  return !range || (number >= range[0] && number <= range[1]);
}

/** Whether the bytes of a quoted text are UTF-8, with those that escapes such as \\xff stand for. */
function isUnicode(quoted: string): boolean {
  const bytes = Buffer.from(quoted).toString("latin1");
  const escaped = /\\(?:([0-7]{1,3})|x([\da-f]{1,2})|.)/gis;
  const meant = bytes.replaceAll(escaped, (_, octal?: string, hex?: string) =>
    String.fromCharCode(Number.parseInt(octal ?? hex ?? "0", octal === undefined ? 16 : 8) & 0xff),
  );
  return isUtf8(Buffer.from(meant, "latin1"));
}

/**
 * The value as the parser reads it. It reads integers of an enum in hexadecimal, and -0 of an unsigned type, only as decimals. Python's
 * protobuf, which TorchEasyRec uses, leaves a backslash before any other character as it is, as in regular expressions: `"\\."`.
 */
export function asRead(field: DescField, value: string): string {
  if (field.scalar === ScalarType.STRING)
    return value.replaceAll(/\\./gs, (pair) => (KNOWN_ESCAPE.test(pair) ? pair : `\\${pair}`));
  const isOther = field.enum
    ? /^0x[\da-f]+$/i.test(value)
    : value === "-0" && TYPES[field.scalar!] === natural;
  return isOther ? String(Number(value) || 0) : value;
}

/** Also the one of a name, which Python refuses in protobuf texts. */
const KNOWN_ESCAPE = /[abfnrtv\\'"0-7xuUN]$/;

/**
 * What is wrong with the value of a field, if anything.
 * @param value its text; `undefined` for a message
 */
export function whyWrongValue(field: DescField, value: string | undefined): ErrorReport | undefined {
  const got = value ?? "a message in braces";
  if (field.message || field.fieldKind === "map")
    return value === undefined ? undefined : { what: "this is a message", got, expected: "{ … }", next: FIX };
  const type: ValueType | undefined = field.enum
    ? { pattern: wordOf(field.enum.values), name: field.enum.values.map(({ name }) => name).join(", ") }
    : TYPES[field.scalar!];
  if (!type) return undefined;
  const read = value === undefined ? undefined : asRead(field, value);
  if (read !== undefined && type.pattern.test(read)) {
    if (!isInRange(field.scalar, read))
      return { what: "the integer is too large for this setting", got, next: FIX };
    if (type === text && !isUnicode(read))
      return { what: "the bytes of the text are not UTF-8", got, next: FIX };
    return undefined;
  }
  return { what: "the value has another type", got, expected: type.name, next: FIX };
}

const FIX = "Correct the value.";

function wordOf(values: readonly { readonly name: string; readonly number: number }[]): RegExp {
  return new RegExp(`^(${values.flatMap(({ name, number }) => [name, number]).join("|")})$`);
}
