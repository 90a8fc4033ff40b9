import { NULL_WORDS } from "../data/null-words.js";
import { readScalar } from "../data/source/column-query.js";
import { type Duck, quoteName, quoteText } from "../data/source/duckdb.js";
import { elementSql } from "../data/source/element-query.js";
import { mapTypes } from "../data/source/nested-types.js";
import { type MalformedRow, NO_ROWS } from "../data/source/rejects.js";
import { ROW_COLUMN } from "../data/source/row-numbers.js";
import { type Source, withNullValues } from "../data/source/source.js";
import { listElement } from "../features/sql-types.js";

/**
 * A source to look at: counts over all rows, and a sample for everything that costs more. The sample is drawn by a hash of
 * the row numbers, so the same file always gives the same one.
 */
export interface Table {
  readonly source: Source;
  readonly rows: number;
  /** Rows of text files that cannot be parsed. */
  readonly malformed: readonly MalformedRow[];
  /** The sampled rows, the row numbers as `@row`: a table, always read in the same order. */
  readonly sample: string;
  readonly sampleRows: number;
  /** Columns in which a word such as `?` stands for a missing value, by word. */
  readonly nullWords: ReadonlyMap<string, readonly string[]>;
}

const MOST_SAMPLED = 100_000;
/** Values of the sample: wide tables have fewer rows in it. */
const SAMPLED_VALUES = 4e6;
const FEWEST_SAMPLED = 5_000;
/** Files up to this size are read once, into memory. */
const IN_MEMORY_BYTES = 64e6;

export async function lookAt(duck: Duck, opened: Source): Promise<Table> {
  const isSmall = opened.identity.every(
    ({ bytes }) => bytes > 0 && bytes < IN_MEMORY_BYTES / opened.identity.length,
  );
  const limit = Math.min(MOST_SAMPLED, Math.max(FEWEST_SAMPLED, SAMPLED_VALUES / opened.columns.length));
  const numbered = `SELECT *, row_number() OVER () AS ${quoteName(ROW_COLUMN)} FROM (${opened.select("malformed")})`;
  const draw = (from: string) =>
    `CREATE TEMP TABLE sampled AS SELECT * FROM ${from} ORDER BY hash(${quoteName(ROW_COLUMN)}) LIMIT ${Math.ceil(limit)}`;
  if (isSmall) await duck.run(`CREATE TEMP TABLE looked AS ${numbered}`, opened.where);
  await duck.run(draw(isSmall ? "looked" : `(${numbered})`), opened.where);
  const malformed = await malformedOf(opened);
  const raw: Source = isSmall ? { ...opened, select: () => "SELECT * FROM looked" } : opened;
  const [[rows], [sampleRows]] = [
    (await duck.rows(`SELECT count(*) FROM (${raw.select()})`, opened.where))[0],
    (await duck.rows("SELECT count(*) FROM sampled", opened.where))[0],
  ];
  const nullWords = await findNullWords(duck, raw);
  const source = withNullValues(raw, [...nullWords.keys()]);
  return {
    source,
    rows: Number(rows),
    malformed,
    sample: "sampled",
    sampleRows: Number(sampleRows),
    nullWords,
  };
}

async function malformedOf(source: Source): Promise<MalformedRow[]> {
  const rows: MalformedRow[] = [];
  const unread = await source.unread?.("malformed", NO_ROWS);
  for await (const row of unread?.malformed ?? []) rows.push(row);
  return rows;
}

/** Only text files can say which texts mean missing. */
async function findNullWords(duck: Duck, source: Source): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  if (source.unread === undefined || !source.columns.some(({ type }) => type === "VARCHAR")) return found;
  const words = NULL_WORDS.map(quoteText).join(", ");
  const separator = quoteText("\u0001");
  const texts = source.columns.filter(({ type }) => type === "VARCHAR");
  const columns = texts.map(
    ({ name }) =>
      `string_agg(DISTINCT ${quoteName(name)}, ${separator}) FILTER (${quoteName(name)} IN (${words}))`,
  );
  const [row] = await duck.rows(`SELECT ${columns.join(", ")} FROM sampled`, source.where);
  texts.forEach(({ name }, i) => {
    for (const word of row[i]?.split("\u0001") ?? []) found.set(word, [...(found.get(word) ?? []), name]);
  });
  return found;
}

/** How the values of a column are given to JavaScript: as canonical texts, as JSON lists, or not at all. */
export type Form = "scalar" | "list" | "map" | "unreadable";

export interface ColumnTexts {
  readonly form: Form;
  /** SQL over the source; NULL is missing. */
  readonly sql: string;
}

export function columnTexts(source: Source, name: string): ColumnTexts {
  const { column, type } = readScalar(source, name, source.where);
  const unreadable = { form: "unreadable", sql: `CASE WHEN ${column} IS NOT NULL THEN '' END` } as const;
  const element = listElement(type);
  if (element !== undefined)
    return isReadable(element) ? { form: "list", sql: `CAST(to_json(${column}) AS VARCHAR)` } : unreadable;
  const entry = mapTypes(type);
  if (entry)
    return isReadable(entry.key) && isReadable(entry.value)
      ? { form: "map", sql: `CAST(to_json(map_keys(${column})) AS VARCHAR)` }
      : unreadable;
  if (/^(FLOAT|DOUBLE|DECIMAL.*)$/.test(type)) return { form: "scalar", sql: numberText(column) };
  const text = elementSql(column, type, "text");
  return text === undefined ? unreadable : { form: "scalar", sql: `nullif(${text}, '')` };
}

/** True for types that may stand in a list or a map that a feature reads. */
const isReadable = (type: string) => elementSql("e", type, "text") !== undefined;

/** A number beyond 2^53 has no canonical text, and may still be a number. */
const numberText = (column: string) =>
  `CASE WHEN isfinite(CAST(${column} AS DOUBLE)) THEN CAST(CAST(${column} AS DOUBLE) AS VARCHAR) END`;

export interface ValueCount {
  readonly present: number;
  readonly distinct: number;
}

/** Exact counts of present values, and estimates of distinct ones, by column. */
export async function countValues(duck: Duck, { source }: Table): Promise<ValueCount[]> {
  const counts = source.columns.flatMap(({ name }) => {
    const { sql } = columnTexts(source, name);
    return [`count(${sql})`, `approx_count_distinct(${quoteName(name)})`];
  });
  const [row] = await duck.rows(`SELECT ${counts.join(", ")} FROM (${source.select()})`, source.where);
  return source.columns.map((_, i) => ({ present: Number(row[2 * i]), distinct: Number(row[2 * i + 1]) }));
}

/** The texts of a column in the sample, in the order of all columns. */
export async function sampledTexts(duck: Duck, table: Table, name: string): Promise<(string | null)[]> {
  const { sql } = columnTexts(table.source, name);
  const rows = await duck.rows(`SELECT ${sql} FROM ${table.sample}`, table.source.where);
  return rows.map(([text]) => text);
}

/** The most frequent values of a column over all rows, with their counts; `most` of them. */
export async function valueCounts(
  duck: Duck,
  { source }: Table,
  name: string,
  most: number,
): Promise<{ value: string | null; rows: number }[]> {
  const { sql } = columnTexts(source, name);
  // By positions: a column may have any name, also one that is given here.
  const query = `SELECT ${sql}, count(*) FROM (${source.select()}) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${most}`;
  const rows = await duck.rows(query, source.where);
  return rows.map(([value, count]) => ({ value, rows: Number(count) }));
}
