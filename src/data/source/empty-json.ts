import { listElement } from "../../features/sql-types.js";
import { isJsonValue } from "./json-value.js";
import { fieldSql, ITEM, mapTypes, structFields, structSql } from "./nested-types.js";

/**
 * Lists, maps and objects of JSON files that have no value inside, such as `[]` and `[{"price": null}]`: DuckDB gives what is not
 * there the type JSON, and the column had another type in training.
 */
export interface Filled {
  /** The type with that of training in place of JSON. */
  readonly type: string;
  /** SQL of the column as this type: NULL in place of JSON. */
  readonly sql: string;
  /** SQL that is true where there is a JSON value. */
  readonly hasValue: string;
}

/** Undefined for a type without JSON inside, or where training had no type in its place. */
export function filledEmpties(value: string, from: string, to: string): Filled | undefined {
  const [listed, listedTo] = [listElement(from), listElement(to)];
  if (listed !== undefined && listedTo !== undefined) return filledList(value, listed, listedTo);
  const [map, mapTo, fieldsTo] = [mapTypes(from), mapTypes(to), structFields(to)];
  // DuckDB reads `{}` as a map.
  if (map?.value === "JSON" && fieldsTo) {
    const { hasValue } = filledList(`map_values(${value})`, "JSON", "JSON")!;
    const fields = [...fieldsTo].map(([name, type]) => ({ name, sql: `CAST(NULL AS ${type})` }));
    return { type: to, sql: structSql(value, fields), hasValue };
  }
  if (map && mapTo) {
    const values = filledList(`map_values(${value})`, map.value, mapTo.value);
    if (!values) return undefined;
    const type = `MAP(${map.key}, ${listElement(values.type)})`;
    return { ...values, type, sql: `map(map_keys(${value}), ${values.sql})` };
  }
  const fields = structFields(from);
  return fields && fieldsTo ? filledStruct(value, fields, fieldsTo) : undefined;
}

function filledPart(value: string, from: string, to: string): Filled | undefined {
  if (from !== "JSON") return filledEmpties(value, from, to);
  return { type: to, sql: `CAST(NULL AS ${to})`, hasValue: `coalesce(${isJsonValue(value)}, false)` };
}

function filledList(value: string, from: string, to: string): Filled | undefined {
  const item = filledPart(ITEM, from, to);
  if (!item) return undefined;
  return {
    type: `${item.type}[]`,
    sql: `list_transform(${value}, lambda ${ITEM}: ${item.sql})`,
    hasValue: `coalesce(len(list_filter(${value}, lambda ${ITEM}: ${item.hasValue})) > 0, false)`,
  };
}

function filledStruct(
  value: string,
  from: ReadonlyMap<string, string>,
  to: ReadonlyMap<string, string>,
): Filled | undefined {
  const fields = [...from].map(([name, type]) => {
    const sql = fieldSql(value, name);
    const filled = to.has(name) ? filledPart(sql, type, to.get(name)!) : undefined;
    return { name, isFilled: filled !== undefined, ...(filled ?? { type, sql, hasValue: "false" }) };
  });
  if (!fields.some(({ isFilled }) => isFilled)) return undefined;
  return {
    type: `STRUCT(${fields.map(({ name, type }) => `${name} ${type}`).join(", ")})`,
    sql: structSql(value, fields),
    hasValue: `(${fields.map(({ hasValue }) => hasValue).join(" OR ")})`,
  };
}
