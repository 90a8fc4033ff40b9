import { randomUUID } from "node:crypto";
import { ConfigError, DataError } from "../../errors.js";
import { isRefusedSql, microsecondsSql } from "../../features/canonical.js";
import { eventsTable, type TextRules } from "../../features/fitted.js";
import { epochUnit, ISO_TIME, type TimeUnit } from "../../features/instant.js";
import { decimalType, integerType, isFloatType, isInstantType } from "../../features/sql-types.js";
import { NUMBER_TEXT } from "../../features/type-texts.js";
import { trimmedSql } from "../../features/values.js";
import { ownValue } from "../../own-value.js";
import type { EventTableConfig, SourceConfig } from "../data-config.js";
import { readColumn, scalarWire, wrongType } from "./column-query.js";
import { type Demand, demandOfEvents, historyColumn, namedTypes } from "./demand.js";
import { type Duck, quoteName, quoteText } from "./duckdb.js";
import { refuseMalformed } from "./first-malformed.js";
import { type HistoryKeys, historyKeys } from "./history-keys.js";
import { numberRows, ROW_COLUMN } from "./row-numbers.js";
import { columnType, openFiles, type Source, withTextRules } from "./source.js";
import type { SourceFiles } from "./source-files.js";

/** How the tables of events are read. */
export interface EventsOptions {
  readonly files: SourceFiles;
  readonly demand: Demand;
  /** What texts mean. */
  readonly rules: TextRules;
}

/**
 * The rows of a source with the histories of its tables of events: for each column `c` of the events that features read, a column
 * `<sequence>.c` with a list, oldest first, of the values of the events of the row's key before the row's time. Events of the same
 * time are in the order of their files. An event at the row's time, or after it, is never part of its history.
 * @throws ConfigError for a column that does not exist or has a type that is no time; DataError
 */
export async function withHistories(
  duck: Duck,
  opened: Source,
  config: SourceConfig,
  { files, demand, rules }: EventsOptions,
): Promise<Source> {
  let source = withTextRules(opened, config, rules);
  for (const [sequence, table] of Object.entries(config.events ?? {})) {
    const where = `${source.where}.events.${sequence}`;
    const name = eventsTable(sequence);
    const ofEvents = demandOfEvents(demand, sequence, table);
    const events = await openFiles(duck, table, files.events!.get(sequence)!, where, ofEvents);
    await refuseMalformed(duck, events, where);
    const read = [...ofEvents.wants.keys()].filter((name) => demand.wants.has(historyColumn(sequence, name)));
    if (read.length === 0) throw unreadEvents(sequence, where);
    const history = {
      sequence,
      table,
      columns: read,
      events: withTextRules(events, table, rules),
      unit: ownValue(rules.timeUnits ?? {}, sequence),
    };
    const tableTypes = { ...source.tableTypes, ...namedTypes(name, events) };
    const typed = read.filter((column) => Object.hasOwn(events.textTypes ?? {}, column));
    const textTypes = typed.map((column) => [historyColumn(sequence, column), events.textTypes![column]]);
    source = {
      ...(await withHistory(duck, source, history)),
      tableTypes,
      textTypes: { ...source.textTypes, ...Object.fromEntries(textTypes) },
    };
  }
  return source;
}

function unreadEvents(sequence: string, where: string): ConfigError {
  return new ConfigError({
    what: "no feature reads a column of this table of events",
    where,
    expected: `a sequence feature with a column such as "${historyColumn(sequence, "item")}"`,
    next: `Set the column of the features of ${sequence} to ${historyColumn(sequence, "<a column of the events>")}, or leave the events out.`,
  });
}

/** One sequence, and the table of events that it is built from. */
interface History {
  readonly sequence: string;
  readonly table: EventTableConfig;
  readonly events: Source;
  /** Of the events. */
  readonly columns: readonly string[];
  /** Of the times of training. */
  readonly unit?: TimeUnit;
}

async function withHistory(duck: Duck, rows: Source, history: History): Promise<Source> {
  const { sequence, events, columns } = history;
  const numbered = await numberRows(duck, rows, `events.${sequence}`);
  const { lists, keys, unit } = await buildHistories(duck, numbered, history);
  const select = `SELECT * FROM ${lists}`;
  const added = await duck.describe(select, events.where);
  const taken = added.find(({ name }) => rows.columns.some((column) => column.name === name));
  if (taken) throw takenName(taken.name, rows, events);
  const cut = historyColumn(sequence, CUT);
  return {
    ...numbered,
    columns: [...rows.columns, ...added],
    keys: { ...rows.keys, [events.where]: keys },
    timeUnits: { ...rows.timeUnits, [sequence]: unit },
    cuts: new Map([
      ...(rows.cuts ?? []),
      ...columns.map((name) => [historyColumn(sequence, name), cut] as const),
    ]),
    // Both sides have the same rows in the same order: the numbers make sure of it.
    select: (rejects) => `SELECT * FROM (${numbered.select(rejects)}) POSITIONAL JOIN (${select})`,
  };
}

/** The number of entries that `max` leaves out. */
const CUT = "@cut";

/**
 * Events and rows are sorted together once, so that each row knows between which two positions its events are: time and memory follow
 * the numbers of events, rows and entries.
 */
async function buildHistories(
  duck: Duck,
  rows: Source,
  { sequence, table, events, columns, unit: trained }: History,
): Promise<{ lists: string; keys: HistoryKeys; unit: TimeUnit }> {
  const { where } = events;
  for (const column of columns) columnType(events, column, where);
  const times = await timesOf(duck, rows, events, table);
  const [sorted, moments, spans, lists] = ["events", "moments", "spans", "lists"].map((part) =>
    quoteName(`${where} ${part} ${randomUUID()}`),
  );
  const names = columns.map((column) => quoteName(historyColumn(sequence, column)));
  const values = columns.map((column, i) => `${readColumn(events, column, where).column} AS ${names[i]}`);
  const create = (to: string, select: string) => duck.run(`CREATE TEMP TABLE ${to} AS ${select}`, where);
  await create(
    sorted,
    `SELECT row_number() OVER (ORDER BY "@key", "@time", "@place") - 1 AS "@at", * EXCLUDE ("@place") FROM (
      SELECT ${keySql(events, table)} AS "@key", ${times.ofEvents} AS "@time", row_number() OVER () AS "@place",
      ${values.join(", ")} FROM (${events.select()})
    ) WHERE "@key" IS NOT NULL AND "@time" IS NOT NULL`,
  );
  const row = quoteName(ROW_COLUMN);
  await create(
    moments,
    `SELECT ${row}, ${keySql(rows, table)} AS "@key", ${times.ofRows} AS "@time" FROM (${rows.select()})`,
  );
  const found = { sorted, moments, trained, areDates: times.areDates };
  const unit = await commonUnit(duck, found, table, where);
  const keys = await historyKeys(duck, table.by, { rows: moments, events: sorted }, where);
  await create(spans, spansSql(sorted, moments, table, times));
  await create(lists, listsSql(sorted, moments, spans, names, quoteName(historyColumn(sequence, CUT))));
  for (const made of [sorted, moments, spans]) await duck.run(`DROP TABLE ${made}`, where);
  return { lists, keys, unit };
}

/**
 * Where the events of each row start and stop among the sorted ones: as many as sort before its key and the begin of its window, and
 * before its key and its time. Of equal times, those of rows come first.
 */
function spansSql(sorted: string, moments: string, { max }: EventTableConfig, { length }: Times): string {
  const begin = length === undefined ? "NULL" : `"@time" - ${length}`;
  const present = `FROM ${moments} WHERE "@key" IS NOT NULL AND "@time" IS NOT NULL`;
  const row = quoteName(ROW_COLUMN);
  return `SELECT ${row}, "@begin", ${max === undefined ? '"@begin"' : `greatest("@begin", "@stop" - ${max})`} AS "@start", "@stop"
    FROM (
      SELECT ${row}, max("@before") FILTER ("@end" = 0) AS "@begin", max("@before") FILTER ("@end" = 1) AS "@stop" FROM (
        SELECT ${row}, "@end", CAST(sum("@event") OVER (
          ORDER BY "@key", "@time" NULLS FIRST, "@event" ROWS UNBOUNDED PRECEDING
        ) AS BIGINT) AS "@before" FROM (
          SELECT NULL AS ${row}, NULL AS "@end", "@key", "@time", 1 AS "@event" FROM ${sorted}
          UNION ALL SELECT ${row}, 0, "@key", ${begin}, 0 ${present}
          UNION ALL SELECT ${row}, 1, "@key", "@time", 0 ${present}
        )
      ) WHERE "@end" IS NOT NULL GROUP BY ${row}
    )`;
}

/**
 * For each row the values of its events. All lists are collected in one order, whatever it is, and then selected in that of the
 * positions: that is much faster than to collect each list in order, or to sort lists of structs.
 */
function listsSql(
  sorted: string,
  moments: string,
  spans: string,
  names: readonly string[],
  cut: string,
): string {
  const row = quoteName(ROW_COLUMN);
  const collected = names.map((name) => `list(${name}) AS ${name}`).join(", ");
  const selected = names.map((name) => `list_select(coalesce(${name}, []), "@order") AS ${name}`).join(", ");
  return `SELECT ${selected}, "@cut" AS ${cut} FROM (
      SELECT * EXCLUDE ("@places"), coalesce("@start" - "@begin", 0) AS "@cut",
        list_grade_up(coalesce("@places", [])) AS "@order"
      FROM ${moments} LEFT JOIN ${spans} USING (${row}) LEFT JOIN (
        SELECT ${row}, list("@at") AS "@places", ${collected}
        FROM (SELECT ${row}, unnest(range("@start", "@stop")) AS "@at" FROM ${spans}) JOIN ${sorted} USING ("@at")
        GROUP BY ${row}
      ) USING (${row})
    ) ORDER BY ${row}`;
}

/**
 * The canonical text of the key, so that it may be a number on one side and a text on the other; NULL where it has none. A key that
 * may stand for several ids stops the query: it would silently be a row without a history, or an event of nobody.
 */
function keySql(source: Source, { by }: EventTableConfig): string {
  const text = scalarWire({ columns: [by], as: "text" }, source, source.where).sql;
  const message = quoteText(`a key of histories in the column ${by} is no exact id: `);
  const value = `CAST(${quoteName(by)} AS VARCHAR)`;
  return `CASE WHEN ${isRefusedSql(text)} THEN error(concat(${message}, ${value})) ELSE ${text} END`;
}

/** Times of rows and of events in one unit. */
interface Times {
  readonly ofRows: string;
  readonly ofEvents: string;
  readonly areDates: boolean;
  /** Of the window. */
  readonly length?: string;
}

/** Times as integers where both sides have such: doubles of large numbers may be equal where the numbers are not. */
async function timesOf(
  duck: Duck,
  rows: Source,
  events: Source,
  { time, window }: EventTableConfig,
): Promise<Times> {
  const ofRows = await timeOf(duck, rows, time);
  const ofEvents = await timeOf(duck, events, time);
  if ((ofRows.unit === "date") !== (ofEvents.unit === "date")) throw otherUnits(rows, events, time);
  const isWhole = ofRows.unit !== "fraction" && ofEvents.unit !== "fraction";
  const type = isWhole ? "HUGEINT" : "DOUBLE";
  const ticks = window && (ofRows.unit === "date" ? window * MICROSECONDS : window);
  return {
    ofRows: `TRY_CAST(${ofRows.sql} AS ${type})`,
    ofEvents: `TRY_CAST(${ofEvents.sql} AS ${type})`,
    areDates: ofRows.unit === "date",
    ...(ticks !== undefined && { length: `CAST(${isWhole ? Math.floor(ticks) : ticks} AS ${type})` }),
  };
}

const MICROSECONDS = 1e6;

/**
 * What the times are. Seconds since 1970 on one side and milliseconds on the other are refused: every event would be before, or after,
 * every row. So are milliseconds after a training with seconds or with dates, whose window is another one.
 * @param found tables with the column `@time`, what is in it, and what was in training
 */
async function commonUnit(
  duck: Duck,
  found: { sorted: string; moments: string; trained: TimeUnit | undefined; areDates: boolean },
  { time }: EventTableConfig,
  where: string,
): Promise<TimeUnit> {
  const { sorted, moments, trained, areDates } = found;
  const unitOf = async (table: string): Promise<TimeUnit> => {
    if (areDates) return "dates";
    const [range] = await duck.rows(`SELECT min("@time"), max("@time") FROM ${table}`, where);
    const [first, last] = range.map((value) => epochUnit(Number(value ?? Number.NaN)));
    return (first === last ? first : undefined) ?? "numbers";
  };
  const places = {
    "in the events": await unitOf(sorted),
    "in the rows": await unitOf(moments),
    "in training": trained,
  };
  const units = Object.values(places).flatMap((unit) => unit ?? []);
  const [unit = "numbers"] = units.filter((each) => each !== "numbers");
  if (units.every((each) => each === unit || (each === "numbers" && unit !== "dates"))) return unit;
  const told = Object.entries(places).flatMap(([place, each]) => (each ? [`${each} ${place}`] : []));
  throw new DataError({
    what: "the times of events, of rows and of training have different units",
    where: `${where}.time`,
    got: `${time}: ${told.join(", ")}`,
    expected: "dates everywhere, or numbers of one unit since 1970",
    next: "Convert the times in sql, for example with * 1000, or with to_timestamp.",
  });
}

interface Time {
  readonly sql: string;
  readonly unit: "date" | "whole" | "fraction";
}

/** NULL where there is no finite time. */
async function timeOf(duck: Duck, source: Source, name: string): Promise<Time> {
  const where = `${source.where}.time`;
  const { column, type } = readColumn(source, name, where);
  if (isInstantType(type))
    return {
      sql: `CASE WHEN isfinite(${column}) THEN epoch_us(${microsecondsSql(column, type)}) END`,
      unit: "date",
    };
  if (integerType(type)) return { sql: column, unit: "whole" };
  const number = `CAST(${column} AS DOUBLE)`;
  if (isFloatType(type) || decimalType(type))
    return { sql: `CASE WHEN isfinite(${number}) THEN ${number} END`, unit: "fraction" };
  if (type === "VARCHAR") return timeOfTexts(duck, source, name, where);
  const next = "Derive a timestamp in sql.";
  throw wrongType(name, type, where, "a date, a timestamp or a number", next);
}

/** Texts, as a text file has them where a feature reads the text of the time: all of them are numbers, or all are timestamps. */
async function timeOfTexts(duck: Duck, source: Source, name: string, where: string): Promise<Time> {
  const { column } = readColumn(source, name, where);
  const text = trimmedSql(column);
  const textAs = (pattern: string, type: string) =>
    `CASE WHEN regexp_full_match(${text}, ${quoteText(pattern)}) THEN TRY_CAST(${text} AS ${type}) END`;
  const number = textAs(NUMBER_TEXT, "DOUBLE");
  const whole = textAs("[+-]?[0-9]+", "HUGEINT");
  // Without a zone it is UTC.
  const instant = textAs(ISO_TIME.source, "TIMESTAMPTZ");
  const [[numbers, noNumber, fractions, noInstant]] = await duck.rows(
    `SELECT count(${number}), min(${column}) FILTER (${number} IS NULL), count(*) FILTER (${whole} IS NULL),
      min(${column}) FILTER (${instant} IS NULL) FROM (${source.select()}) WHERE ${text} <> ''`,
    where,
  );
  const other = Number(numbers) > 0 ? noNumber : noInstant;
  if (other !== null) throw noTime(name, other, where);
  if (Number(numbers) === 0) return { sql: `epoch_us(${instant})`, unit: "date" };
  if (Number(fractions) === 0) return { sql: whole, unit: "whole" };
  return { sql: `CASE WHEN isfinite(${number}) THEN ${number} END`, unit: "fraction" };
}

/** It would silently be a row without a history, or an event of nobody. */
function noTime(name: string, text: string, where: string): DataError {
  return new DataError({
    what: `a text in the column ${name} is no time`,
    where,
    got: JSON.stringify(text),
    expected: "a date, a timestamp such as 2026-01-31T08:15:00Z, or a number",
    next: "Correct the text, list it in nullValues if it means missing, or derive a timestamp in sql.",
  });
}

function otherUnits(rows: Source, events: Source, time: string): ConfigError {
  const typeOf = (source: Source) => source.columns.find(({ name }) => name === time)!.type;
  return new ConfigError({
    what: "the times of events cannot be compared with those of rows",
    where: `${events.where}.time`,
    got: `${time} is ${typeOf(events)} in the events and ${typeOf(rows)} in the rows`,
    expected: "dates or timestamps in both, or numbers of one unit in both",
    next: "Convert one of them in sql, for example with to_timestamp.",
  });
}

function takenName(name: string, rows: Source, events: Source): ConfigError {
  return new ConfigError({
    what: "the rows have a list of the history themselves, and the config builds it from events",
    where: events.where,
    got: `a column ${name} in ${rows.where}`,
    expected: "one of the two: nothing says that they are equal",
    next: `To train on the lists of the rows, remove events from the config. To build them, leave the column out: sql: 'SELECT * EXCLUDE ("${name}") FROM source'. Files that predict and eval read may have the lists.`,
  });
}
