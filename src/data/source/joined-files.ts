import { basename } from "node:path";
import { ConfigError } from "../../errors.js";
import { closeNames } from "../../near-names.js";
import { ownValue } from "../../own-value.js";
import { type SourceConfig, type SourceInput, sourceSchema } from "../data-config.js";
import { type Demand, typesOfTable } from "./demand.js";
import { type Duck, quoteName, quoteText } from "./duckdb.js";
import { refuseMalformed } from "./first-malformed.js";
import { newRejects } from "./rejects.js";
import { openRelation } from "./relations.js";
import { seenTypes } from "./seen-types.js";
import { findFiles, formatByName, type SourceFiles, type SourceFormat } from "./source-files.js";
import { constantTexts, nameOfTable, viewsOf } from "./sql-files.js";
import { placeOf, type SqlPart, withParts } from "./sql-parts.js";
import { constantOf, type Node, nodesOf, sqlTree } from "./sql-tree.js";
import { delimiterOf } from "./text-layout.js";

/** What the SQL of a source reads besides `source`, and by which rules. */
export interface JoinedBy {
  /** Its texts have the rules of those of the source. */
  readonly source: SourceConfig;
  readonly demand: Demand;
  /** What the tables of the SQL are called among `tableTypes`: `split/train/`; "" for the SQL of the source. */
  readonly table: string;
}

export interface JoinedSql {
  readonly text: string;
  /** The types with which the SQL sees the files. @see TextRules */
  readonly types: NonNullable<Demand["tableTypes"]>;
}

/**
 * SQL in which the rows of files stand for their names: by the rules of sources, by which all values of a file settle the
 * types of its columns. DuckDB would guess them from the first rows, and change the values that do not fit.
 *
 * @param select a SELECT; if it cannot be parsed, the error is reported where it runs
 * @throws ConfigError for an option that sources do not have
 * @throws DataError for a malformed row: it would be missing without a word
 */
export async function withJoinedFiles(
  duck: Duck,
  select: string,
  by: JoinedBy,
  where: string,
): Promise<JoinedSql> {
  const nodes = [...nodesOf(await sqlTree(duck, select, where))];
  const views = viewsOf(nodes);
  const parts = new Map<number, SqlPart>();
  const types: Record<string, NonNullable<Demand["types"]>> = {};
  for (const node of nodes) {
    const file = joinedFile(node, views, where);
    if (file === undefined) continue;
    const { begin, end } = placeOf(select, node, where);
    const name = `${by.table}joined/${parts.size}`;
    const read = await readFile(duck, file.source, by, name, where);
    const alias = node.alias === "" ? ` AS ${quoteName(file.alias)}` : "";
    parts.set(begin, { begin, end, text: `(${read.select})${alias}` });
    if (read.types) types[name] = read.types;
  }
  return { text: withParts(select, [...parts.values()]), types };
}

interface JoinedFile {
  readonly source: SourceInput;
  /** What DuckDB calls it where the SQL does not. */
  readonly alias: string;
}

function joinedFile(node: Node, views: ReadonlySet<string>, where: string): JoinedFile | undefined {
  if (node.type === "BASE_TABLE") return fileOfTable(node, views, where);
  if (node.type !== "TABLE_FUNCTION") return undefined;
  const { function_name, children } = node.function as Node;
  const reader = READERS.get(String(function_name).toLowerCase());
  if (!reader) return undefined;
  const [path, ...options] = children as Node[];
  const settings = options.map((option) => settingOf(option, reader, node, where));
  const source: SourceInput = Object.assign(
    { path: constantTexts(path), format: reader.format },
    ...settings,
  );
  return { source, alias: function_name as string };
}

function fileOfTable(node: Node, views: ReadonlySet<string>, where: string): JoinedFile | undefined {
  const path = nameOfTable(node);
  const format = formatByName(path);
  if (format === undefined) return undefined;
  if (views.has(path.toLowerCase()))
    throw new ConfigError({
      what: "a name of WITH could also be that of a file",
      where,
      got: path,
      expected: "another name",
      next: "Give it a name without an extension.",
    });
  const alias = /[*?[]/.test(path) ? path : basename(path).split(".")[0];
  return { source: { path: [path], format }, alias };
}

async function readFile(
  duck: Duck,
  file: SourceInput,
  { source, demand }: JoinedBy,
  name: string,
  where: string,
): Promise<{ readonly select: string; readonly types: Demand["types"] }> {
  const { nullValues, decimal, trim } = source;
  const isText = file.format === "csv" || file.format === "tsv";
  const config = parse({ ...(isText && { nullValues, decimal, trim }), ...file }, where);
  const { wants, sql } = demand;
  const ofFile = { wants, sql, types: typesOfTable(demand, name).types };
  const files = await findFiles(duck, config, where, "", ofFile);
  if (isText) await refuseUnclearHeader(duck, config, files, where);
  const relation = await openRelation(duck, { ...config, sql: "" }, files, ofFile, where);
  await refuseMalformed(duck, relation, where);
  const select = relation.select(`unread_${newRejects()}`);
  return { select, types: seenTypes(await duck.describe(select, where), relation, ofFile, config) };
}

/** Sources have a line of names unless they say otherwise. DuckDB guesses whether there is one. */
async function refuseUnclearHeader(
  duck: Duck,
  config: SourceConfig,
  files: SourceFiles,
  where: string,
): Promise<void> {
  const { header, columns } = config;
  const [path] = files.paths;
  if (header !== undefined || (columns === undefined && (await beginsWithNames(duck, config, files, where))))
    return;
  throw new ConfigError({
    what: "it is not clear whether a file that the SQL reads begins with a line of names",
    where,
    got: columns ? `names for the columns of ${path}` : `${path}, whose first line is like the others`,
    expected: "the option header",
    next: "Write read_csv('items.csv', header = true), or header = false with names = ['id', 'price'].",
  });
}

async function beginsWithNames(
  duck: Duck,
  config: SourceConfig,
  { paths, format }: SourceFiles,
  where: string,
): Promise<boolean> {
  const delim = quoteText(delimiterOf(config, format));
  const layout = `delim = ${delim}, quote = '"', escape = '"', skip = ${config.skip ?? 0}`;
  const sniff = `SELECT HasHeader FROM sniff_csv(${quoteText(paths[0])}, ${layout})`;
  // A file without a layout is not read without an error either.
  const [[hasHeader]] = await duck.rows(sniff, where).catch(() => [["true"]]);
  return hasHeader === "true";
}

function parse(source: SourceInput, where: string): SourceConfig {
  const { data, error } = sourceSchema.safeParse(source);
  if (data) return data;
  const [{ path, message }] = error.issues;
  throw new ConfigError({
    what: "an option of a file that the SQL reads is not as sources have it",
    where: `${where}, ${path.join(".")}`,
    got: JSON.stringify(
      path.reduce<unknown>((value, key) => (value as Node | undefined)?.[String(key)], source),
    ),
    expected: message,
    next: "docs/data.md lists the keys of sources.",
  });
}

/** A function that reads files, and the settings of a source for its options. */
interface Reader {
  readonly format: SourceFormat;
  readonly options: Readonly<Record<string, (value: never) => Partial<SourceInput>>>;
}

/** What these options tune is not guessed here. */
const NOT_GUESSED = Object.fromEntries(
  ["auto_detect", "sample_size", "files_to_sniff", "maximum_sample_files"].map((name) => [name, () => ({})]),
);
const union_by_name = (union: boolean) => ({ union });
const delim = (delimiter: string) => ({ delimiter });
const types = (value: Record<string, string>) => ({ types: value });

/** Without options for what texts mean: that is the same for all tables of a model and its requests. */
const CSV: Reader = {
  format: "csv",
  options: {
    ...NOT_GUESSED,
    ...{ union_by_name, delim, sep: delim, delimiter: delim },
    ...{ types, dtypes: types, column_types: types },
    header: (header: boolean) => ({ header }),
    skip: (skip: number) => ({ skip: skip || undefined }),
    names: (columns: string[]) => ({ columns }),
    columns: (columns: Record<string, string>) => ({ columns: Object.keys(columns), types: columns }),
    encoding: (encoding: "utf-8") => ({ encoding }),
  },
};
const PARQUET: Reader = { format: "parquet", options: { union_by_name } };
const JSON_LINES: Reader = { format: "json", options: { ...NOT_GUESSED, union_by_name } };

const READERS: ReadonlyMap<string, Reader> = new Map([
  ...["read_csv", "read_csv_auto"].map((name) => [name, CSV] as const),
  ...["read_parquet", "parquet_scan"].map((name) => [name, PARQUET] as const),
  ...["read_json", "read_json_auto", "read_ndjson", "read_ndjson_auto"].map(
    (name) => [name, JSON_LINES] as const,
  ),
]);

/** What texts mean, by the options that DuckDB has for it: the same for all tables of a model and its requests. */
const OF_SOURCE: Readonly<Record<string, string>> = {
  nullstr: "nullValues",
  null: "nullValues",
  decimal_separator: "decimal",
};

function nextOf(name: string, options: Reader["options"]): string {
  const key = ownValue(OF_SOURCE, name.toLowerCase());
  if (key !== undefined && options === CSV.options)
    return `Set ${key} of the source: it holds for the texts of the files that its sql reads, too.`;
  const [near] = closeNames(name, Object.keys(options));
  if (near !== undefined) return `Write ${near}.`;
  return options === CSV.options
    ? "Write delim for the separator of the fields. Files with another layout have to be written again, for example as Parquet."
    : "Write the data to a Parquet file, and read that.";
}

/** @param option `name = value` or `name := value` */
function settingOf(
  option: Node,
  { options }: Reader,
  { function: call }: Node,
  where: string,
): Partial<SourceInput> {
  const isEqual = option.type === "COMPARE_EQUAL";
  const name = isEqual ? String((option.left as Node).column_names) : (option.alias as string);
  const read = ownValue(options, name.toLowerCase());
  if (read === undefined)
    throw new ConfigError({
      what: `an option of ${(call as Node).function_name}() is not one of those with which the SQL of a source reads files`,
      where,
      got: name || "a second value without a name",
      expected: Object.keys(options).join(", "),
      next: nextOf(name, options),
    });
  const value = constantOf(isEqual ? (option.right as Node) : option);
  if (value !== undefined) return read(value as never);
  throw new ConfigError({
    what: `the option ${name} of ${(call as Node).function_name}() is no constant`,
    where,
    got: "an expression",
    expected: "a text, a number, true or false, a list, or a struct",
    next: "Write the value itself; a text stands in single quotes.",
  });
}
