import { rmSync } from "node:fs";
import { scratchDirectory } from "../data/pack/owned-directory.js";
import { columnWants, itemName } from "../data/source/column-query.js";
import { demandOfEvents } from "../data/source/demand.js";
import { Duck, quoteName } from "../data/source/duckdb.js";
import { refuseMalformed } from "../data/source/first-malformed.js";
import { jsonCanonicalSql } from "../data/source/json-value.js";
import { openSource, type Source } from "../data/source/source.js";
import { canonicalSql, microsecondsSql } from "../features/canonical.js";
import type { RawRow } from "../features/encoder.js";
import { PreciseDate } from "../features/instant.js";
import { decimalType, integerType, isFloatType, isInstantType, listElement } from "../features/sql-types.js";
import { ownValue } from "../own-value.js";
import type { TrainedModel } from "../saved/model.js";
import { otherFiles } from "./sources.js";

/**
 * The events of a file, as a model read those of its training: only the columns that it needs, with the types and the SQL of the table
 * in its config. A sequence that the model does not build from events has none.
 * @throws ConfigError for a file that does not fit the config, DataError
 */
export async function readEvents(
  { config: { data }, features }: Pick<TrainedModel, "config" | "features">,
  sequence: string,
  path: string,
): Promise<RawRow[]> {
  const table = ownValue((data.source ?? data.train)?.events ?? {}, sequence);
  if (!table) return [];
  const wants = columnWants(
    features.features.map(({ reading }) => reading),
    [],
  );
  const demand = demandOfEvents({ wants, sql: [], tableTypes: features.tableTypes }, sequence, table);
  const scratch = scratchDirectory();
  const duck = await Duck.open(scratch);
  try {
    const where = `--events ${sequence}`;
    const source = await openSource(duck, otherFiles(table, [path]), where, demand, scratch);
    await refuseMalformed(duck, source, where);
    return await valuesOf(duck, source, [...new Set([...demand.wants.keys(), table.time])]);
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function valuesOf(duck: Duck, source: Source, names: readonly string[]): Promise<RawRow[]> {
  const columns = names.flatMap((name) => source.columns.find((column) => column.name === name) ?? []);
  const items = [itemName(source, "item"), itemName(source, "inner")];
  const list = columns.map(({ name, type }) => exactJson(quoteName(name), type, items)).join(", ");
  const rows = await duck.rows(`SELECT to_json([${list}]) FROM (${source.select()})`, source.where);
  return rows.map(([text]) => {
    const values = JSON.parse(text!) as unknown[];
    return Object.fromEntries(columns.map(({ name, type }, i) => [name, jsValue(values[i], type)]));
  });
}

/**
 * SQL of a value as JSON that loses nothing: JavaScript's numbers do not hold all integers and decimals, and JSON no NaN. They are
 * texts, as ids see them, and times are microseconds since 1970. {@link jsValue} reads them.
 * @param items names for the elements of lists, and of lists in lists
 */
function exactJson(value: string, type: string, [item, ...inner]: readonly string[]): string {
  const element = listElement(type);
  if (element !== undefined && item !== undefined)
    return `to_json(list_transform(${value}, lambda ${item}: ${exactJson(item, element, inner)}))`;
  if (integerType(type) || decimalType(type)) return `to_json(${canonicalSql(value, type)})`;
  if (isInstantType(type))
    return `to_json(CASE WHEN isfinite(${value}) THEN epoch_us(${microsecondsSql(value, type)}) END)`;
  if (isFloatType(type))
    return `CASE WHEN isfinite(${value}) THEN to_json(${value}) ELSE to_json(CAST(${value} AS VARCHAR)) END`;
  if (type === "JSON")
    return `CASE WHEN json_type(${value}) IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN to_json(${jsonCanonicalSql(value)}) ELSE ${value} END`;
  return `to_json(${value})`;
}

function jsValue(value: unknown, type: string): unknown {
  if (value === null) return null;
  const element = listElement(type);
  if (element !== undefined) return (value as unknown[]).map((each) => jsValue(each, element));
  if (isFloatType(type)) return NOT_FINITE[value as string] ?? value;
  if (!isInstantType(type)) return value;
  const milliseconds = Math.floor((value as number) / 1000);
  return new PreciseDate(milliseconds, (value as number) - 1000 * milliseconds);
}

/** The numbers that JSON does not have, by DuckDB's texts. */
const NOT_FINITE: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
};
