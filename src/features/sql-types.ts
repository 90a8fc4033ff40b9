/** SQL types of numbers and times, by the names that DuckDB gives them. */

const BITS: Readonly<Record<string, number>> = {
  TINYINT: 8,
  SMALLINT: 16,
  INTEGER: 32,
  BIGINT: 64,
  HUGEINT: 128,
};

export interface IntegerType {
  readonly bits: number;
  readonly signed: boolean;
}

/** `undefined` for other types. */
export function integerType(type: string): IntegerType | undefined {
  const signed = Object.hasOwn(BITS, type);
  const name = signed ? type : type.replace(/^U/, "");
  return Object.hasOwn(BITS, name) ? { bits: BITS[name], signed } : undefined;
}

/** The signed type with the given number of bits. */
export function signedType(bits: number): string | undefined {
  return Object.keys(BITS).find((name) => BITS[name] === bits);
}

export interface DecimalType {
  readonly digits: number;
  readonly scale: number;
}

/** `undefined` for other types. */
export function decimalType(type: string): DecimalType | undefined {
  const [, digits, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  return digits === undefined ? undefined : { digits: Number(digits), scale: Number(scale) };
}

/** The type of the elements of a list or an array; `undefined` for other types. */
export const listElement = (type: string): string | undefined => /^(.*)\[\d*\]$/s.exec(type)?.[1];

export const isFloatType = (type: string): boolean => type === "FLOAT" || type === "DOUBLE";

/** True for types of days and instants, but not of times of day. */
export const isInstantType = (type: string): boolean =>
  /^(DATE|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?)$/.test(type);
