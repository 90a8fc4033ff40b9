import {
  type DecimalType,
  decimalType,
  integerType,
  isFloatType,
  listElement,
  signedType,
} from "../../features/sql-types.js";
import { numberSql } from "../../features/values.js";
import { fieldSql, ITEM, mapTypes, structFields, structSql } from "./nested-types.js";

/** The type that holds every value of two DuckDB types without a change. */

/** Stands for a column without a value: it has every type. */
export const NO_TYPE = "NULL";

/** Integers have at most this many decimal digits. */
const DIGITS: Readonly<Record<number, number>> = { 8: 3, 16: 5, 32: 10, 64: 19, 128: 39 };
const MAX_DIGITS = 38;
/** A double holds every decimal of this many digits. */
const DIGITS_OF_DOUBLE = 15;

const TIMESTAMPS = ["DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS"];

/** `undefined` if there is none. */
export function commonType(a: string, b: string): string | undefined {
  if (a === b || b === NO_TYPE) return a;
  if (a === NO_TYPE) return b;
  const [listA, listB] = [listElement(a), listElement(b)];
  if (listA !== undefined && listB !== undefined) {
    const element = commonType(listA, listB);
    return element === undefined ? undefined : `${element}[]`;
  }
  const [mapA, mapB] = [mapTypes(a), mapTypes(b)];
  if (mapA && mapB) {
    const [key, value] = [commonType(mapA.key, mapB.key), commonType(mapA.value, mapB.value)];
    return key && value && `MAP(${key}, ${value})`;
  }
  const [fieldsA, fieldsB] = [structFields(a), structFields(b)];
  if (fieldsA && fieldsB) return commonStruct(fieldsA, fieldsB);
  return (
    commonInteger(a, b) ?? commonDecimal(a, b) ?? commonDouble(a, b) ?? commonTime(a, b) ?? commonText(a, b)
  );
}

type Fields = ReadonlyMap<string, string>;

/** A field that one of them has not is missing there. DuckDB tells no names apart that differ only in capitals. */
function commonStruct(a: Fields, b: Fields): string | undefined {
  const names = [...new Set([...a.keys(), ...b.keys()])];
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length) return undefined;
  const fields = names.map((name) => {
    const type = commonType(a.get(name) ?? NO_TYPE, b.get(name) ?? NO_TYPE);
    return type && `${name} ${type}`;
  });
  return fields.includes(undefined) ? undefined : `STRUCT(${fields.join(", ")})`;
}

function commonInteger(a: string, b: string): string | undefined {
  const [x, y] = [integerType(a), integerType(b)];
  if (!x || !y) return undefined;
  if (x.signed === y.signed) return x.bits > y.bits ? a : b;
  const [signed, unsigned] = x.signed ? [x, y] : [y, x];
  return signedType(Math.max(signed.bits, 2 * unsigned.bits));
}

/** The decimal type that holds the values of a type. */
function decimalOf(type: string): DecimalType | undefined {
  const integer = integerType(type);
  return integer ? { digits: DIGITS[integer.bits], scale: 0 } : decimalType(type);
}

function commonDecimal(a: string, b: string): string | undefined {
  const [x, y] = [decimalOf(a), decimalOf(b)];
  if (!x || !y) return undefined;
  const scale = Math.max(x.scale, y.scale);
  const digits = Math.max(x.digits - x.scale, y.digits - y.scale) + scale;
  return digits <= MAX_DIGITS ? `DECIMAL(${digits},${scale})` : undefined;
}

function commonDouble(a: string, b: string): string | undefined {
  const isNumber = (type: string) => isFloatType(type) || decimalOf(type) !== undefined;
  return (isFloatType(a) || isFloatType(b)) && isNumber(a) && isNumber(b) ? "DOUBLE" : undefined;
}

function commonTime(a: string, b: string): string | undefined {
  const zoned = "TIMESTAMP WITH TIME ZONE";
  const [x, y] = [TIMESTAMPS.indexOf(a), TIMESTAMPS.indexOf(b)];
  if (x >= 0 && y >= 0) return TIMESTAMPS[Math.max(x, y)];
  return (a === zoned && y >= 0) || (b === zoned && x >= 0) ? zoned : undefined;
}

function commonText(a: string, b: string): string | undefined {
  const isText = (type: string) => /^(VARCHAR|ENUM|UUID)/.test(type);
  return isText(a) && isText(b) ? "VARCHAR" : undefined;
}

/** SQL that reads a column of one type as the common one. */
export function widenedSql(column: string, from: string, to: string): string {
  if (from === to) return column;
  if (from === NO_TYPE) return `CAST(NULL AS ${to})`;
  const [element, target] = [listElement(from), listElement(to)];
  if (element !== undefined && target !== undefined)
    return `list_transform(${column}, lambda ${ITEM}: ${widenedSql(ITEM, element, target)})`;
  const [map, wideMap] = [mapTypes(from), mapTypes(to)];
  if (map && wideMap) {
    const part = (name: "key" | "value") =>
      widenedSql(`map_${name}s(${column})`, `${map[name]}[]`, `${wideMap[name]}[]`);
    return `map(${part("key")}, ${part("value")})`;
  }
  const [fields, wideFields] = [structFields(from), structFields(to)];
  if (fields && wideFields) {
    const parts = [...wideFields].map(([name, type]) => ({
      name,
      sql: widenedSql(fieldSql(column, name), fields.get(name) ?? NO_TYPE, type),
    }));
    return structSql(column, parts);
  }
  // The digits that FLOAT shows are those that its writer meant.
  if (from === "FLOAT") return `CAST(CAST(${column} AS VARCHAR) AS ${to})`;
  return (to === "DOUBLE" ? numberSql(column, from) : undefined) ?? `CAST(${column} AS ${to})`;
}

/**
 * SQL of the first value, as text, that {@link widenedSql} would change; NULL where there is none.
 * @returns undefined if the common type holds all values
 */
export function changedSql(column: string, from: string, to: string): string | undefined {
  const [element, target] = [listElement(from), listElement(to)];
  if (element !== undefined && target !== undefined) {
    const changed = changedSql(ITEM, element, target);
    const all = `list_transform(${column}, lambda ${ITEM}: ${changed})`;
    return changed && `list_filter(${all}, lambda ${ITEM}: ${ITEM} IS NOT NULL)[1]`;
  }
  const [map, wideMap] = [mapTypes(from), mapTypes(to)];
  if (map && wideMap) {
    const part = (name: "key" | "value") =>
      changedSql(`map_${name}s(${column})`, `${map[name]}[]`, `${wideMap[name]}[]`);
    const parts = [part("key"), part("value")].filter((sql) => sql !== undefined);
    return parts.length > 0 ? `coalesce(${parts.join(", ")})` : undefined;
  }
  const [fields, wideFields] = [structFields(from), structFields(to)];
  if (fields && wideFields) {
    const parts = [...fields].flatMap(
      ([name, type]) => changedSql(fieldSql(column, name), type, wideFields.get(name) ?? type) ?? [],
    );
    return parts.length > 0 ? `coalesce(${parts.join(", ")})` : undefined;
  }
  const decimal = decimalOf(from);
  if (to !== "DOUBLE" || !decimal || decimal.digits <= DIGITS_OF_DOUBLE) return undefined;
  const wide = numberSql(column, from);
  const isSame =
    decimal.scale === 0 ? `abs(${wide}) < 9007199254740992` : `CAST(${wide} AS ${from}) = ${column}`;
  return `CASE WHEN NOT (${isSame}) THEN CAST(${column} AS VARCHAR) END`;
}
