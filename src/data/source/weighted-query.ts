import type { Reading } from "../../features/reading.js";
import { listElement } from "../../features/sql-types.js";
import { TIME_AT_END } from "../../features/weighted.js";
import {
  type ElementWire,
  elementWire,
  entriesSql,
  entryTypes,
  isTextType,
  JSON_OBJECT,
  listSql,
  presentSql,
} from "./element-query.js";
import { isJsonObject, isJsonText, jsonText } from "./json-value.js";
import { mapTypes } from "./nested-types.js";

/** SQL for weighted ids; the same rules as `weightedIds` in TypeScript. */

/** A column as a list of ids with weights: the entries of a map, or the elements of a list. */
export function weightedItemsSql(
  column: string,
  type: string,
  separator: string,
  item: string,
  as: Reading["as"],
): string {
  const types = mapTypes(type);
  if (types) return entriesSql(column, types);
  const list = listSql(column, type, separator, item, as);
  if (type !== "JSON") return list;
  const entries = entriesSql(`CAST(${column} AS MAP(VARCHAR, JSON))`, JSON_OBJECT);
  return `CASE WHEN ${isJsonObject(column)} THEN list_transform(${entries}, lambda ${item}: to_json(${item})) ELSE ${list} END`;
}

/** The id and the weight of an item, as SQL. */
interface WeightedSql {
  readonly id: string;
  readonly idType: string;
  /** NULL is no weight; `undefined`: it cannot be a number. */
  readonly weight: ElementWire | undefined;
}

/**
 * @param type the type of the column
 * @param nullValues texts that are no ids; keys of maps are always ids
 */
export function weightedSql(type: string, item: string, nullValues: readonly string[]): WeightedSql {
  const entry = mapTypes(type) ?? entryTypes(type);
  if (entry) {
    const weight = elementWire(`${item}.value`, entry.value, "number");
    return { id: `${item}.key`, idType: entry.key, weight };
  }
  const element = listElement(type) ?? type;
  if (element === "JSON") return ofJson(item, nullValues);
  if (!isTextType(element))
    return { id: presentSql(item, element, nullValues), idType: element, weight: ONE };
  const text = element === "VARCHAR" ? item : `CAST(${item} AS VARCHAR)`;
  const pair = pairSql(text);
  return {
    id: presentSql(`CASE WHEN ${pair.isPair} THEN ${pair.id} ELSE ${text} END`, "VARCHAR", nullValues),
    idType: "VARCHAR",
    weight: { sql: `CASE WHEN ${pair.isPair} THEN ${pair.weight} ELSE '1' END`, reads: "numberText" },
  };
}

const ONE: ElementWire = { sql: "CAST(1 AS DOUBLE)", reads: "number" };

/** A JSON value: a text of both, an object `{ key, value }`, or the id alone. */
function ofJson(item: string, nullValues: readonly string[]): WeightedSql {
  const has = (key: string) => `json_exists(${item}, '$.${key}')`;
  const isEntry = `${isJsonObject(item)} AND ${has("key")} AND ${has("value")}`;
  const pair = pairSql(jsonText(item));
  const isPair = `${isJsonText(item)} AND ${pair.isPair}`;
  const entryWeight = jsonText(`(${item} -> '$.value')`);
  const alone = `CASE WHEN ${isPair} THEN to_json(${pair.id}) ELSE ${item} END`;
  return {
    id: `CASE WHEN ${isEntry} THEN ${item} -> '$.key' ELSE ${presentSql(alone, "JSON", nullValues)} END`,
    idType: "JSON",
    weight: {
      sql: `CASE WHEN ${isEntry} THEN ${entryWeight} WHEN ${isPair} THEN ${pair.weight} ELSE '1' END`,
      reads: "numberText",
    },
  };
}

/** A text `id:weight`. */
function pairSql(text: string) {
  const last = `split_part(${text}, ':', -1)`;
  return {
    isPair: `contains(${text}, ':') AND NOT regexp_matches(${text}, '${TIME_AT_END}')`,
    id: `left(${text}, length(${text}) - length(${last}) - 1)`,
    weight: last,
  };
}
