import { eventsTable, type FittedFeatures, type TextRules } from "../../features/fitted.js";
import { ownValue } from "../../own-value.js";
import type { EventTableConfig, SourceConfig } from "../data-config.js";
import { quoteName } from "./duckdb.js";

/**
 * How a feature reads a column: as the text of an id, as a number, as a number where a text that is none is missing, or as a
 * label or weight.
 */
export type Want = "text" | "number" | "imputed" | "target";

/** The types with which SQL sees columns, by column; `NO_TYPE` for a column without a value. */
export type ColumnTypes = FittedFeatures["types"];

/** What a run reads of a source. */
export interface Demand {
  /** The columns that features, labels and weights read. */
  readonly wants: ReadonlyMap<string, Want>;
  /** SQL over the columns of the source, besides `sql` of the config: predicates, and names of columns that are copied. */
  readonly sql: readonly string[];
  /** The types of training. */
  readonly types?: ColumnTypes;
  /** The types that other tables had in training. @see TextRules */
  readonly tableTypes?: TextRules["tableTypes"];
  /** The types of training by which texts of requests are read. @see TextRules */
  readonly textTypes?: TextRules["textTypes"];
}

/**
 * The demand of a file that is read after those of training. Without `sql`, features read columns as typed as in training.
 */
export function laterDemand(demand: Demand, { sql }: SourceConfig, trained: TextRules): Demand {
  const { types, tableTypes, textTypes } = trained;
  return {
    ...demand,
    types,
    tableTypes,
    textTypes,
    sql: sql === undefined ? [...demand.sql, ...Object.keys(types ?? {})] : demand.sql,
  };
}

/** What a run reads of a table of events: whose they are, when, and the columns that features read of the sequence. */
export function demandOfEvents(demand: Demand, sequence: string, { by, time }: EventTableConfig): Demand {
  const prefix = historyColumn(sequence, "");
  const read = [...demand.wants].filter(([name]) => name.startsWith(prefix));
  const own = read.map(([name, want]) => [name.slice(prefix.length), want] as const);
  const wants = new Map<string, Want>([[by, "text"], ...own]);
  return { wants, sql: [quoteName(time)], ...typesOfTable(demand, eventsTable(sequence)) };
}

/** What a run reads of the rows that get histories. */
export function demandWithEvents(demand: Demand, { events = {} }: SourceConfig): Demand {
  const tables = Object.values(events);
  if (tables.length === 0) return demand;
  const wants = new Map<string, Want>([...tables.map(({ by }) => [by, "text"] as const), ...demand.wants]);
  return { ...demand, wants, sql: [...demand.sql, ...tables.map(({ time }) => quoteName(time))] };
}

/** The types of training of a table, and of the tables that it reads itself. */
export function typesOfTable(
  { tableTypes = {} }: Demand,
  table: string,
): Pick<Demand, "types" | "tableTypes"> {
  const within = `${table}/`;
  const inner = Object.entries(tableTypes).filter(([name]) => name.startsWith(within));
  return {
    types: ownValue(tableTypes, table),
    tableTypes: Object.fromEntries(inner.map(([name, types]) => [name.slice(within.length), types])),
  };
}

/** The types of a table, and those of the tables that it reads, with names for {@link typesOfTable}. */
export function namedTypes(
  table: string,
  { types, tableTypes = {} }: Pick<Demand, "types" | "tableTypes">,
): NonNullable<TextRules["tableTypes"]> {
  const inner = Object.entries(tableTypes).map(([name, each]) => [`${table}/${name}`, each] as const);
  return Object.fromEntries([...(types ? [[table, types] as const] : []), ...inner]);
}

/** The column of rows that has the values of a column of events. */
export const historyColumn = (sequence: string, column: string): string => `${sequence}.${column}`;

/** The type that the config gives a column. */
export function declaredType({ types = {} }: SourceConfig, column: string): string | undefined {
  return ownValue(types, column);
}

/** The type with which the SQL of training saw a column; only of columns that SQL may compute with. */
export function trainedTypes({ sql, types = {} }: Demand): (column: string) => string | undefined {
  const isNamed = namedInSql(sql);
  return (column) => (isNamed(column) ? ownValue(types, column) : undefined);
}

/** Words of SQL that stand before brackets. */
const WORDS =
  "and|any|by|case|else|exists|filter|having|in|limit|map|not|on|or|over|qualify|select|then|using|values|when|where";
const NAME = `(?!(?:${WORDS})\\b)(?:"(?:[^"]|"")*"|[\\p{L}_][\\p{L}\\p{N}_$]*)`;
const NAMES = `${NAME}\\s*\\(\\s*${NAME}(?:\\s*,\\s*${NAME})*\\s*\\)`;

/** SQL that reaches columns without their names: by these words, by new names for all of them, or as a whole row. */
const READS_UNNAMED = [
  /\b(columns|pivot|unpivot|natural|all)\b/u,
  new RegExp(`(?:\\bas|\\bwith|\\brecursive|\\)|\\b(?:from|join)\\s+${NAME})\\s*${NAMES}`, "u"),
  /(?<!\b(?:from|join)\s+)\bsource\b(?!\s*\.)/u,
];

/**
 * Tells whether SQL may compute with a column. Whoever answers yes for too many only reads more, so the text of the SQL
 * is enough.
 */
export function namedInSql(sql: readonly string[]): (column: string) => boolean {
  const text = sql.join("\n").toLowerCase();
  if (READS_UNNAMED.some((pattern) => pattern.test(text))) return () => true;
  const words = new Set(text.match(/[\p{L}\p{N}_]+/gu));
  return (column) => {
    const name = column.toLowerCase();
    if (/^[\p{L}\p{N}_]+$/u.test(name)) return words.has(name);
    return text.includes(name) || text.includes(name.replaceAll('"', '""'));
  };
}
