import {
  decimalType,
  integerType,
  isFloatType,
  isInstantType,
  listElement,
} from "../../features/sql-types.js";
import { mapTypes, structFields } from "./nested-types.js";

/** Which part of a DuckDB type can be read as another one. */

/** Types with one family have values in common; any other type is a family of its own. */
export function familyOf(type: string): string {
  if (integerType(type) || decimalType(type) || isFloatType(type)) return "number";
  return isInstantType(type) ? "time" : type;
}

/**
 * A type with what another type has too: the same lists and maps of numbers or of times, and the fields of the same names.
 * @returns undefined if values of the one are no values of the other
 */
export function sharedType(from: string, to: string): string | undefined {
  const [listA, listB] = [listElement(from), listElement(to)];
  if (listA !== undefined && listB !== undefined)
    return wrap(sharedType(listA, listB), (type) => `${type}[]`);
  const [mapA, mapB] = [mapTypes(from), mapTypes(to)];
  if (mapA && mapB) {
    const key = sharedType(mapA.key, mapB.key);
    return wrap(sharedType(mapA.value, mapB.value), (value) => key && `MAP(${key}, ${value})`);
  }
  const [fieldsA, fieldsB] = [structFields(from), structFields(to)];
  if (fieldsA && fieldsB) return sharedFields(fieldsA, fieldsB);
  return familyOf(from) === familyOf(to) ? from : undefined;
}

const wrap = (type: string | undefined, as: (type: string) => string | undefined) =>
  type === undefined ? undefined : as(type);

function sharedFields(
  from: ReadonlyMap<string, string>,
  to: ReadonlyMap<string, string>,
): string | undefined {
  const common = [...from].filter(([name]) => to.has(name));
  const fields = common.map(([name, type]) =>
    wrap(sharedType(type, to.get(name)!), (shared) => `${name} ${shared}`),
  );
  return fields.length === 0 || fields.includes(undefined) ? undefined : `STRUCT(${fields.join(", ")})`;
}
