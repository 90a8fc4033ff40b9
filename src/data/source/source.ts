import { ConfigError, DataError } from "../../errors.js";
import { nearNames } from "../../near-names.js";
import type { SourceConfig } from "../data-config.js";
import { type Duck, quoteText, type SourceColumn } from "./duckdb.js";
import { type FileIdentity, findFiles, type SourceFormat } from "./source-files.js";

/** How a column is read: as the text of an id, as a number, or as a target, which keeps its detected type. */
export type Want = "text" | "number" | "target";

/** Hidden column with the file path of each row. */
export const FILE_COLUMN = "@file";

/** An opened source: its files exist and its columns are known. */
export interface Source {
  /** The config path, for errors. */
  readonly where: string;
  readonly columns: readonly SourceColumn[];
  /** Texts that mean missing in every column of texts. */
  readonly nullValues: readonly string[];
  readonly identity: readonly FileIdentity[];
  /** True if rows have {@link FILE_COLUMN}. */
  readonly hasFileColumn: boolean;
  /** True if rows have a number, see `numberRows`. */
  readonly hasRowColumn?: true;
  /** True if DuckDB lists malformed rows in a rejects table. */
  readonly hasRejects: boolean;
  /**
   * A SELECT of all columns, in source order.
   * @param rejects lists malformed text rows in the tables `<rejects>_errors` and `<rejects>_scans`; without it they are skipped
   */
  select(rejects?: string): string;
}

/**
 * Opens a source. Columns of text files that features read get the type that the feature needs, so that the text of an id
 * is the text in the file: `007` stays `007`.
 */
export async function openSource(
  duck: Duck,
  config: SourceConfig,
  where: string,
  wants: ReadonlyMap<string, Want>,
  scratchDir: string,
): Promise<Source> {
  const numeric = new Set([...wants].flatMap(([name, want]) => (want === "number" ? [name] : [])));
  const files = await findFiles(duck, config, where, scratchDir, numeric);
  const hasFileColumn = config.sql === undefined && files.paths.length > 1;
  const isText = files.format === "csv" || files.format === "tsv";
  const relation = (types: string, rejects?: string) =>
    isText
      ? textRelation(config, files.paths, files.format, types, hasFileColumn, rejects)
      : plainRelation(config, files.paths, files.format, types, hasFileColumn);
  if (!isText) refuseTextOptions(config, files.format, where);
  const detected = await duck.describe(`SELECT * FROM ${relation("")}`, where);
  checkNames(config, detected, where);
  await refuseNoRows(duck, relation(""), where);
  const types = typeOptions(config, files.format, detected, wants);
  const select = (rejects?: string) => {
    const all = `SELECT * FROM ${relation(types, rejects)}`;
    if (config.sql === undefined) return all;
    return `WITH source AS (${all}) SELECT * FROM (${config.sql.replace(/;\s*$/, "")}\n)`;
  };
  const described = await duck.describe(select(), config.sql === undefined ? where : `${where}.sql`);
  const columns = described.filter(({ name }) => name !== FILE_COLUMN);
  const { nullValues = [] } = config;
  return { where, columns, nullValues, identity: files.identity, hasFileColumn, hasRejects: isText, select };
}

/** A source in which more texts mean missing, as they did in training. */
export function withNullValues(source: Source, more: readonly string[] = []): Source {
  return { ...source, nullValues: [...new Set([...source.nullValues, ...more])] };
}

/** The SQL type of a column. @throws ConfigError with similar names if there is no such column */
export function columnType(source: Source, name: string, where: string): string {
  const column = source.columns.find((candidate) => candidate.name === name);
  if (column) return column.type;
  const names = source.columns.map((candidate) => candidate.name);
  throw new ConfigError({
    what: `the source ${source.where} has no such column`,
    where,
    got: name,
    expected: `one of ${nearNames(name, names).join(", ")}`,
    next: "Correct the name, or derive the column in sql.",
  });
}

function list(texts: readonly string[]): string {
  return `[${texts.map(quoteText).join(", ")}]`;
}

function textRelation(
  config: SourceConfig,
  paths: readonly string[],
  format: SourceFormat,
  types: string,
  withFile: boolean,
  rejects: string | undefined,
): string {
  const header = config.header ?? (config.columns ? false : undefined);
  const options = [
    `delim = ${quoteText(config.delimiter ?? (format === "tsv" ? "\t" : ","))}`,
    `quote = '"'`,
    `escape = '"'`,
    header === undefined ? "" : `header = ${header}`,
    config.skip === undefined ? "" : `skip = ${config.skip}`,
    config.columns ? `names = ${list(config.columns)}` : "",
    config.nullValues ? `nullstr = ${list(["", ...config.nullValues])}` : "",
    types,
    // Names and types come from the first file only: detection over several files matches columns by position.
    "files_to_sniff = 1",
    withFile ? `filename = '${FILE_COLUMN}'` : "",
    rejects === undefined
      ? "ignore_errors = true"
      : `store_rejects = true, rejects_table = '${rejects}_errors', rejects_scan = '${rejects}_scans'`,
  ];
  return `read_csv(${[list(paths), ...options.filter(Boolean)].join(", ")})`;
}

function plainRelation(
  config: SourceConfig,
  paths: readonly string[],
  format: SourceFormat,
  types: string,
  withFile: boolean,
): string {
  const options = [list(paths), types, withFile ? `filename = '${FILE_COLUMN}'` : ""];
  if (config.rows) options.push("format = 'newline_delimited', records = true, sample_size = -1");
  return `read_${format}(${options.filter(Boolean).join(", ")})`;
}

async function refuseNoRows(duck: Duck, relation: string, where: string): Promise<void> {
  const rows = await duck.rows(`SELECT 1 FROM ${relation} LIMIT 1`, where);
  if (rows.length > 0) return;
  throw new DataError({
    what: "the source has no readable rows",
    where,
    got: "only a header, or only malformed rows",
    expected: "at least one row",
    next: "Check the file. For a text file, also check format, delimiter and header.",
  });
}

/** Refuses options of text files for other formats; `types` is also allowed for JSON. */
function refuseTextOptions(config: SourceConfig, format: SourceFormat, where: string): void {
  for (const key of ["header", "columns", "delimiter", "skip", "types", "nullValues"] as const)
    if (config[key] !== undefined && !(format === "json" && key === "types"))
      throw new ConfigError({
        what: `${key} is only for text files, but this source is ${format}`,
        where: `${where}.${key}`,
        got: JSON.stringify(config[key]),
        expected: "no such key",
        next: "Remove it, and rename or cast columns in sql.",
      });
}

function checkNames(config: SourceConfig, detected: readonly SourceColumn[], where: string): void {
  const names = detected.map(({ name }) => name);
  if (config.columns?.some((name) => !names.includes(name)))
    throw new ConfigError({
      what: "the file has fewer columns than names in columns",
      where: `${where}.columns`,
      got: `${names.filter((name) => name !== FILE_COLUMN).length} columns`,
      expected: `${config.columns.length} columns`,
      next: "Look at the first lines of the file. Check delimiter, and set skip if they are not data.",
    });
  for (const name of Object.keys(config.types ?? {}))
    if (!names.includes(name))
      throw new ConfigError({
        what: "types names a column that the files do not have",
        where: `${where}.types.${name}`,
        got: name,
        expected: `one of ${nearNames(name, names).join(", ")}`,
        next: "Correct the name.",
      });
}

/** The reader option that overrides detected column types. */
function typeOptions(
  config: SourceConfig,
  format: SourceFormat,
  detected: readonly SourceColumn[],
  wants: ReadonlyMap<string, Want>,
): string {
  if (format === "parquet") return "";
  const settle = format === "json" ? jsonType : textType;
  const columns = detected.filter(({ name }) => name !== FILE_COLUMN);
  const settled = columns.map(({ name, type }) => {
    const chosen = config.types?.[name] ?? settle(type, wants.get(name));
    return `${quoteText(name)}: ${quoteText(chosen)}`;
  });
  return `${format === "json" ? "columns" : "types"} = {${settled.join(", ")}}`;
}

function textType(detected: string, want: Want | undefined): string {
  if (want === "text") return "VARCHAR";
  if (want === "target" && !/^(BIGINT|DOUBLE)$/.test(detected)) return detected;
  return want && detected !== "BOOLEAN" ? "DOUBLE" : detected;
}

/** JSON texts that look like dates stay text; columns of mixed types are read as text. */
function jsonType(detected: string, want: Want | undefined): string {
  // An object is a map of its keys; read as text, so that numbers of any size keep their digits.
  if (want === "text" && /^(STRUCT|MAP)\(/.test(detected) && !detected.endsWith("]"))
    return "MAP(VARCHAR, VARCHAR)";
  const type = detected.replace(/\bJSON\b/g, "VARCHAR");
  return want === "text" ? type.replace(/^(DATE|TIME\w*( WITH TIME ZONE)?|UUID)/, "VARCHAR") : type;
}
