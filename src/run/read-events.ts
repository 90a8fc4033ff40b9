import { rmSync } from "node:fs";
import { scratchDirectory } from "../data/pack/owned-directory.js";
import { columnWants } from "../data/source/column-query.js";
import { demandOfEvents } from "../data/source/demand.js";
import { Duck, quoteName, type SourceColumn } from "../data/source/duckdb.js";
import { openSource, type Source } from "../data/source/source.js";
import { microsecondsSql } from "../features/canonical.js";
import type { RawRow } from "../features/encoder.js";
import { PreciseDate } from "../features/instant.js";
import { integerType, isInstantType } from "../features/sql-types.js";
import { ownValue } from "../own-value.js";
import type { TrainedModel } from "../saved/model.js";

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
  const readings = features.features.map(({ reading }) => reading);
  const demand = demandOfEvents({ wants: columnWants(readings, []), sql: [] }, sequence, table);
  const scratch = scratchDirectory();
  const duck = await Duck.open(scratch);
  try {
    const where = `--events ${sequence}`;
    const source = await openSource(duck, { ...table, rows: undefined, path }, where, demand, scratch);
    return await valuesOf(duck, source, [...new Set([...demand.wants.keys(), table.time])]);
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Whole numbers are texts of their digits, because JavaScript's numbers lose some; dates and times are Dates with their microseconds. */
async function valuesOf(duck: Duck, source: Source, names: readonly string[]): Promise<RawRow[]> {
  const columns = names.flatMap((name) => source.columns.find((column) => column.name === name) ?? []);
  const list = columns.map((column) => valueSql(column)).join(", ");
  const rows = await duck.rows(`SELECT to_json([${list}]) FROM (${source.select()})`, source.where);
  return rows.map(([text]) => {
    const values = JSON.parse(text!) as unknown[];
    return Object.fromEntries(columns.map(({ name, type }, i) => [name, jsValue(values[i], type)]));
  });
}

function valueSql({ name, type }: SourceColumn): string {
  const column = quoteName(name);
  if (integerType(type)) return `to_json(CAST(${column} AS VARCHAR))`;
  if (isInstantType(type)) return `to_json(epoch_us(${microsecondsSql(column, type)}))`;
  return `to_json(${column})`;
}

function jsValue(value: unknown, type: string): unknown {
  if (value === null || !isInstantType(type)) return value;
  const milliseconds = Math.floor((value as number) / 1000);
  return new PreciseDate(milliseconds, (value as number) - 1000 * milliseconds);
}
