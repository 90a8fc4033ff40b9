import { ConfigError, DataError } from "../../errors.js";
import { eventsTable, isHistory, type TextRules } from "../../features/fitted.js";
import { typedReader } from "../../features/typed-value.js";
import { nearNames } from "../../near-names.js";
import { hasTextKey, type SourceConfig, TEXT_KEYS } from "../data-config.js";
import { type ColumnTypes, type Demand, demandWithEvents, namedInSql } from "./demand.js";
import type { Duck, SourceColumn } from "./duckdb.js";
import { refuseOtherContent } from "./file-content.js";
import { firstMalformed } from "./first-malformed.js";
import type { HistoryKeys } from "./history-keys.js";
import { type JoinedSql, withJoinedFiles } from "./joined-files.js";
import { NO_ROWS } from "./rejects.js";
import { FILE_COLUMN, type Relation } from "./relation.js";
import { openRelation } from "./relations.js";
import { refuseUnrepeatable } from "./repeatable-sql.js";
import { readName, repeatedNames } from "./repeated-names.js";
import { fixOrder } from "./row-order.js";
import { seenTypes } from "./seen-types.js";
import {
  type FileIdentity,
  findFiles,
  isRemote,
  type SourceFiles,
  type SourceFormat,
} from "./source-files.js";
import { withTrainedTexts } from "./trained-texts.js";

/** An opened source: its files exist and its columns are known. */
export interface Source {
  /** The config path, for errors. */
  readonly where: string;
  readonly columns: readonly SourceColumn[];
  /** Texts that mean missing in every column of texts. */
  readonly nullValues: readonly string[];
  /** What texts of the entries of histories mean, which are cells of events. */
  readonly cells?: { readonly isOfHistory: (column: string) => boolean; readonly areTrimmed: boolean };
  /** True if texts that are read as one number have a comma, and none a point. */
  readonly hasDecimalComma: boolean;
  /** True if white space around the whole text of a column is still to be removed. */
  readonly trims: boolean;
  readonly identity: readonly FileIdentity[];
  /** True if rows have {@link FILE_COLUMN}. */
  readonly hasFileColumn: boolean;
  /** True if rows have a number, see `numberRows`. */
  readonly hasRowColumn?: true;
  /** @see Relation */
  readonly repeated?: Relation["repeated"];
  /** The types of the columns that SQL computes with. */
  readonly types?: ColumnTypes;
  /** @see TextRules */
  readonly tableTypes?: TextRules["tableTypes"];
  /** @see TextRules */
  readonly timeUnits?: TextRules["timeUnits"];
  /** By column that features read. @see TextRules */
  readonly textTypes?: TextRules["textTypes"];
  /** @see Relation */
  readonly select: Relation["select"];
  /** @see withJoinedFiles */
  readonly joined: (select: string, where: string, table: string) => Promise<JoinedSql>;
  /** By the config path of a table of events. */
  readonly keys?: Readonly<Record<string, HistoryKeys>>;
  /** By column of a history, the column that says how many of its oldest entries are left out. */
  readonly cuts?: ReadonlyMap<string, string>;
  /** @see Relation; after `sql`, the places of refused rows are not known */
  readonly unread?: Relation["unread"];
}

/** Finds the files of a source and opens them. */
export async function openSource(
  duck: Duck,
  config: SourceConfig,
  where: string,
  demand: Demand,
  scratchDir: string,
): Promise<Source> {
  const files = await findFiles(duck, config, where, scratchDir, demand);
  return openFiles(duck, config, files, where, demand);
}

/**
 * Opens files.
 * @throws ConfigError if the config does not fit them
 * @throws DataError if they cannot be read, have no row, or have columns that no type holds
 */
export async function openFiles(
  duck: Duck,
  config: SourceConfig,
  files: SourceFiles,
  where: string,
  ofRun: Demand,
): Promise<Source> {
  refuseTextOptions(config, files.format, where);
  for (const path of files.paths) if (!isRemote(path)) refuseOtherContent(path, files.format, where);
  const ofRows = demandWithEvents(ofRun, config);
  const demand = { ...ofRows, sql: [...ofRows.sql, ...(config.sql === undefined ? [] : [config.sql])] };
  const relation = await openRelation(duck, config, files, demand, where);
  await refuseNoRows(duck, relation, files, where);
  const joined: Source["joined"] = (sql, place, table) =>
    withJoinedFiles(duck, sql, { source: config, demand, table }, place);
  const place = config.sql === undefined ? where : `${where}.sql`;
  const sql = config.sql === undefined ? undefined : await joined(config.sql, place, "");
  const read = (rejects?: string) => withSql(relation.select(rejects), sql?.text);
  const found = await duck.describe(read(), place);
  const select = await withTrainedTexts(duck, read, found, demand, place);
  const described = select === read ? found : await duck.describe(select(), place);
  const columns = described.filter(({ name }) => name !== FILE_COLUMN);
  const seen = config.sql === undefined ? described : await duck.describe(relation.select(), where);
  const types = seenTypes(seen, relation, demand, config);
  if (config.sql !== undefined) {
    const names = seen.map(({ name }) => name);
    await refuseUnrepeatable(duck, config.sql, place, names);
    await fixOrder(duck, select(), place);
    await refuseRepeatedResults(duck, relation.select(), sql!.text, ofRun, place);
  }
  return {
    where,
    columns,
    nullValues: config.nullValues ?? [],
    hasDecimalComma: config.decimal === ",",
    trims: config.trim === true && config.sql !== undefined,
    identity: files.identity,
    hasFileColumn: columns.length < described.length,
    repeated: relation.repeated,
    types,
    tableTypes: sql?.types,
    textTypes: textTypesOf(columns, config.sql === undefined ? Object.keys(types ?? {}) : config),
    select,
    joined,
    unread:
      relation.unread &&
      ((rejects, refused) => relation.unread!(rejects, config.sql === undefined ? refused : NO_ROWS)),
  };
}

/** @param typed the names of columns with types, or the SQL and the types of the config that give columns their types */
function textTypesOf(
  columns: readonly SourceColumn[],
  typed: Pick<SourceConfig, "sql" | "types"> | readonly string[],
): Source["textTypes"] {
  const isTyped = "includes" in typed ? (name: string) => typed.includes(name) : typedBySql(typed);
  const types = columns.flatMap(({ name, type }) =>
    isTyped(name) && typedReader(type) ? [[name, type] as const] : [],
  );
  return types.length > 0 ? Object.fromEntries(types) : undefined;
}

function typedBySql({
  sql = "",
  types = {},
}: Pick<SourceConfig, "sql" | "types">): (name: string) => boolean {
  const isNamed = namedInSql([sql]);
  return (name) => isNamed(name) || Object.hasOwn(types, name);
}

/** A source in which more texts mean missing. */
export function withNullValues(source: Source, more: readonly string[] = []): Source {
  return { ...source, nullValues: [...new Set([...source.nullValues, ...more])] };
}

/** A source in which texts mean what they did in training. */
export function withTextRules(source: Source, config: SourceConfig, rules: TextRules): Source {
  const { nullValues, decimal, trim = false } = rules;
  const ofConfig = Object.keys(config.events ?? {}).map((sequence) => [eventsTable(sequence), {}]);
  const isOfHistory = isHistory({ tableTypes: { ...rules.tableTypes, ...Object.fromEntries(ofConfig) } });
  const isTrimmed = config.trim === true && config.sql === undefined;
  return {
    ...withNullValues(source, nullValues),
    cells: { isOfHistory, areTrimmed: trim },
    hasDecimalComma: source.hasDecimalComma || decimal === ",",
    trims: source.trims || (trim && !isTrimmed),
  };
}

function withSql(select: string, sql: string | undefined): string {
  if (sql === undefined) return select;
  return `WITH source AS (${select}) SELECT * FROM (${statement(sql)})`;
}

const statement = (sql: string) => `${sql.replace(/;\s*$/, "")}\n`;

/** Refuses `SELECT *, x / 2 AS x`: {@link withSql} would give the first column as x, and the second as x_1. */
async function refuseRepeatedResults(
  duck: Duck,
  select: string,
  sql: string,
  demand: Demand,
  where: string,
): Promise<void> {
  await duck.run(`CREATE TEMP VIEW source AS ${select}`, where);
  const columns = await duck.describe(statement(sql), where);
  await duck.run("DROP VIEW source", where);
  const repeated = repeatedNames(columns.map(({ name }) => name));
  const read = readName(demand, repeated);
  if (read === undefined) return;
  throw new ConfigError({
    what: `the sql gives several columns the name ${read}, so it is not clear which one to read`,
    where,
    got: repeated.join(", "),
    expected: "columns with names that differ, not only in capitals",
    next: `Give each column a name of its own. To replace a column, write SELECT * REPLACE (… AS ${read}); to join tables, write JOIN … USING (${read}).`,
  });
}

/** The SQL type of a column. @throws ConfigError with similar names if there is no such column */
export function columnType(source: Source, name: string, where: string): string {
  const column = source.columns.find((candidate) => candidate.name === name);
  // The type of a column without a value; such a column is missing, whatever it is read as.
  if (column) return column.type === '"NULL"' ? "VARCHAR" : column.type;
  const names = source.columns.map((candidate) => candidate.name);
  throw new ConfigError({
    what: `the source ${source.where} has no such column`,
    where,
    got: name,
    expected: `one of ${nearNames(name, names).map(shownName).join(", ")}`,
    next: (source.unread && layoutNext(name, names)) ?? "Correct the name, or derive the column in sql.",
  });
}

/** In quotes if it has white space at its ends. */
const shownName = (name: string) => (name === name.trim() ? name : JSON.stringify(name));

/** The key of a text source that makes the name one of its columns, as a next step. */
function layoutNext(name: string, names: readonly string[]): string | undefined {
  if (names.some((other) => other.trim() === name))
    return "Set trim: true in the source, which removes white space around names and values.";
  const isPart = (delimiter: string) => names.some((other) => other.split(delimiter).includes(name));
  const delimiter = [";", "\t", "|", ","].find(isPart);
  return delimiter && `Set delimiter: ${JSON.stringify(delimiter)} in the source.`;
}

async function refuseNoRows(
  duck: Duck,
  relation: Relation,
  { format }: SourceFiles,
  where: string,
): Promise<void> {
  const rows = await duck.rows(`SELECT 1 FROM (${relation.select()}) LIMIT 1`, where);
  if (rows.length > 0) return;
  throw new DataError({
    what: "the source has no readable rows",
    where,
    got: (await firstMalformed(duck, relation, where)) ?? "no row",
    expected: "at least one row",
    next: NO_ROWS_NEXT[format],
  });
}

const NO_ROWS_NEXT: Record<SourceFormat, string> = {
  csv: "Compare the first lines of the file with delimiter, header, columns and skip.",
  tsv: "Compare the first lines of the file with header, columns and skip. The separator is a tab.",
  json: "Check the program that wrote the file.",
  parquet: "Check the program that wrote the file.",
  libsvm: "Check format: each line is a label, then index:value pairs.",
  libffm: "Check format: each line is a label, then field:index:value triples.",
};

function refuseTextOptions(config: SourceConfig, format: SourceFormat, where: string): void {
  for (const key of TEXT_KEYS)
    if (config[key] !== undefined && !hasTextKey(format, key))
      throw new ConfigError({
        what: `${key} is only for CSV and TSV files, but this source is ${format}`,
        where: `${where}.${key}`,
        got: JSON.stringify(config[key]),
        expected: "no such key",
        next: "Remove it, and rename or cast columns in sql.",
      });
}
