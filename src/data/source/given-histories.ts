import { DataError } from "../../errors.js";
import type { FittedFeatures } from "../../features/fitted.js";
import { listElement } from "../../features/sql-types.js";
import { ownValue } from "../../own-value.js";
import type { SourceConfig } from "../data-config.js";
import { itemName, presentListSql, readElement } from "./column-query.js";
import { type Demand, historyColumn } from "./demand.js";
import { type Duck, quoteName, quoteText } from "./duckdb.js";
import { listSql } from "./element-query.js";
import { jsonSqlText } from "./json-value.js";
import { FILE_COLUMN } from "./relation.js";
import type { Source } from "./source.js";
import { type Conversion, convertedSql, refuseMisfits } from "./trained-types.js";

/** Later rows that have histories themselves, as lists in columns `<sequence>.<column>`, like the rows of requests. */

/**
 * The config of a source without the tables of events whose lists its rows have.
 * @throws DataError if they have only some of the lists of a sequence
 */
export function withoutGiven(rows: Source, config: SourceConfig, demand: Demand): SourceConfig {
  if (config.events === undefined) return config;
  const names = new Set(rows.columns.map(({ name }) => name));
  const built = Object.entries(config.events).filter(([sequence]) => {
    const lists = [...demand.wants.keys()].filter((name) => name.startsWith(historyColumn(sequence, "")));
    const missing = lists.filter((name) => !names.has(name));
    if (missing.length > 0 && missing.length < lists.length) throw someLists(sequence, lists, missing, rows);
    return missing.length > 0;
  });
  return { ...config, events: Object.fromEntries(built) };
}

function someLists(
  sequence: string,
  lists: readonly string[],
  missing: readonly string[],
  { where }: Source,
): DataError {
  const given = lists.filter((name) => !missing.includes(name));
  return new DataError({
    what: `the rows have only some of the lists of the history ${sequence}`,
    where,
    got: `${given.join(", ")} without ${missing.join(", ")}`,
    expected: `all of ${lists.join(", ")}, or none of them: the history is then built from events`,
    next: "Add the missing lists, or leave out the others with sql: SELECT * EXCLUDE (…) FROM source.",
  });
}

/**
 * The rows with the entries of given histories in the types that the columns of events had in training, as requests are read.
 * @throws DataError for an entry that the type does not hold
 */
export async function withTypedEntries(
  duck: Duck,
  rows: Source,
  fitted: FittedFeatures,
  demand: Demand,
): Promise<Source> {
  const histories = typedHistories(rows, fitted, demand);
  if (histories.length === 0) return rows;
  const file = rows.hasFileColumn ? quoteName(FILE_COLUMN) : quoteText("the source");
  const entries = histories.map(({ name, cells }) => `unnest(${cells}) AS ${quoteName(name)}`);
  const unnested = `SELECT ${entries.join(", ")}, ${file} AS ${quoteName(FILE_COLUMN)} FROM (${rows.select()})`;
  await refuseMisfits(duck, histories, unnested, rows.where);
  const replaced = histories.map((history) => {
    const typed = convertedSql({ ...history, name: CELL });
    return `list_transform(${history.cells}, lambda ${quoteName(CELL)}: ${typed}) AS ${quoteName(history.name)}`;
  });
  const typeOf = new Map(histories.map(({ name, to }) => [name, `${to}[]`]));
  return {
    ...rows,
    columns: rows.columns.map(({ name, type }) => ({ name, type: typeOf.get(name) ?? type })),
    select: (rejects) => `SELECT * REPLACE (${replaced.join(", ")}) FROM (${rows.select(rejects)})`,
  };
}

/** A name that no column has. */
const CELL = "@cell";

/** A history whose entries have another type than in training. */
interface TypedHistory extends Conversion {
  /** SQL of the list of the entries as cells: missing ones are NULL, numbers have a decimal point. */
  readonly cells: string;
}

function typedHistories(
  rows: Source,
  { textTypes = {}, features }: FittedFeatures,
  { wants }: Demand,
): TypedHistory[] {
  return rows.columns.flatMap(({ name, type }) => {
    const to = ownValue(textTypes, name);
    const element = listElement(type) ?? type;
    if (to === undefined || to === element || rows.cuts?.has(name) || !rows.cells?.isOfHistory(name))
      return [];
    const { separator = "," } = features.find(({ reading }) => reading.columns.includes(name))!.reading;
    const item = itemName(rows, "item");
    const cell = readElement(rows, name, { column: item, type: element }, "number");
    const text = element === "JSON" ? jsonSqlText(cell, true) : cell;
    const list = listSql(presentListSql(quoteName(name), type), type, separator, item);
    const cells = `list_transform(${list}, lambda ${item}: ${text})`;
    return [{ name, cells, from: element === "JSON" ? "VARCHAR" : element, to, want: wants.get(name) }];
  });
}
