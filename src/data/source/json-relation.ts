import type { SourceConfig } from "../data-config.js";
import { type ColumnTypes, type Demand, namedInSql, trainedType, type Want } from "./demand.js";
import { type Duck, quoteName, quoteText, type SourceColumn } from "./duckdb.js";
import { refuseInexactIds } from "./json-digits.js";
import { FILE_COLUMN, type Relation } from "./relation.js";
import { mayBeRenamed, readName, repeatedNames, sameName } from "./repeated-names.js";
import type { SourceFiles } from "./source-files.js";
import { compressionOption } from "./text-layout.js";
import { refuseChanged, refuseMisfits, typesOfTexts } from "./text-types.js";

/**
 * JSON files. The types of columns come from all their values. A column of several types stays JSON, so that each value
 * keeps its own type.
 */
export async function jsonRelation(
  duck: Duck,
  config: SourceConfig,
  files: SourceFiles,
  demand: Demand,
  where: string,
): Promise<Relation> {
  const hasFileColumn = config.sql === undefined && files.paths.length > 1;
  const relation = (columns: string) => jsonReader(config, files, columns, hasFileColumn);
  const described = await duck.describe(`SELECT * FROM ${relation("")}`, where);
  const found = described.filter(({ name }) => name !== FILE_COLUMN);
  const { columns, repeated } = await withoutRepeated(duck, found, files, demand, where);
  if (!config.rows) await refuseInexactIds(duck, objects(files), fractionIds(columns, demand), where);
  const isNamed = namedInSql(demand.sql);
  const texts = `SELECT * FROM ${relation(columnsOption(columns, () => "VARCHAR"))}`;
  await refuseChanged(duck, Object.entries(config.types ?? {}), texts, where);
  const want = (name: string) => demand.wants.get(name);
  // The columns whose types their values settle.
  const free = columns.filter(({ name }) => isNamed(name) && config.types?.[name] === undefined);
  const trained = new Map(
    free.flatMap(({ name }) => {
      const type = trainedType(demand, name);
      return type ? [[name, type] as const] : [];
    }),
  );
  await refuseMisfits(duck, [...trained], texts, where);
  // Detection reads integers of any size as DOUBLE where fractions stand beside them, small integers with and without a
  // minus as HUGEINT, and columns without a value as JSON.
  const isOpen = ({ name, type }: SourceColumn) =>
    !trained.has(name) &&
    (type === "HUGEINT" || (type === "DOUBLE" && !want(name)) || (type === "JSON" && want(name) !== "text"));
  const open = free.filter(isOpen).map(({ name }) => ({ name, want: undefined }));
  const settled = await typesOfTexts(duck, open, texts, where);
  const isEmpty = (name: string) => settled.get(name)?.type === "NULL";
  const typeOf = ({ name, type }: SourceColumn) =>
    config.types?.[name] ??
    trained.get(name) ??
    (/^(DOUBLE|HUGEINT)$/.test(type) ? settled.get(name)?.type : undefined) ??
    jsonType(type, want(name), isNamed(name));
  const list = columns.map(({ name }) => (isEmpty(name) ? `NULL AS ${quoteName(name)}` : quoteName(name)));
  if (hasFileColumn) list.push(quoteName(FILE_COLUMN));
  const select = `SELECT ${list.join(", ")} FROM ${relation(columnsOption(columns, typeOf))}`;
  return {
    repeated,
    types: keptTypes(
      free.filter(({ name }) => !isEmpty(name)),
      typeOf,
    ),
    select: () => select,
  };
}

/** Types of training for other files. Detection reads times by rules of its own. */
const KEPT_TYPES = ["BIGINT", "HUGEINT", "DOUBLE", "BOOLEAN", "VARCHAR"] as const;

function keptTypes(columns: readonly SourceColumn[], typeOf: (column: SourceColumn) => string): ColumnTypes {
  const types = columns.flatMap((column) => {
    const type = KEPT_TYPES.find((kept) => kept === typeOf(column));
    return type ? [[column.name, type] as const] : [];
  });
  return types.length > 0 ? Object.fromEntries(types) : undefined;
}

/**
 * The columns without those that differ only in capitals, which are `repeated`. DuckDB calls the key `X` beside `x` `X_1`, and finds no value.
 * @throws DataError if one of them is read
 */
async function withoutRepeated(
  duck: Duck,
  columns: readonly SourceColumn[],
  files: SourceFiles,
  demand: Demand,
  where: string,
): Promise<{ columns: readonly SourceColumn[]; repeated: readonly string[] }> {
  if (!mayBeRenamed(columns.map(({ name }) => name))) return { columns, repeated: [] };
  const sql = `SELECT key, min(filename) FROM (SELECT unnest(json_keys(json)) AS key, filename FROM (${objects(files)})) GROUP BY key ORDER BY key`;
  const keys = new Map((await duck.rows(sql, where)) as [key: string, file: string][]);
  const repeated = repeatedNames([...keys.keys()]);
  const read = readName(demand, repeated);
  if (read === undefined)
    return { columns: columns.filter(({ name }) => keys.has(name) && !repeated.includes(name)), repeated };
  const same = repeated.filter((name) => name.toLowerCase() === read.toLowerCase());
  const places = same.map((name) => `${name} in ${keys.get(name)}`);
  throw sameName(read, places, where, "Write the files again with other keys.");
}

/** The columns that are read as ids and may have numbers that are no integers. */
function fractionIds(columns: readonly SourceColumn[], { wants }: Demand): string[] {
  const ids = columns.filter(({ name, type }) => wants.get(name) === "text" && /DOUBLE|JSON/.test(type));
  return ids.map(({ name }) => name);
}

/** A SELECT of the text of each object, and of its file. */
const objects = (files: SourceFiles) =>
  `SELECT json, filename FROM read_json_objects(${pathsOf(files)}, filename = true${compressionOf(files)})`;

const pathsOf = ({ paths }: SourceFiles) => `[${paths.map(quoteText).join(", ")}]`;

/** With several kinds of files, DuckDB detects each. */
function compressionOf({ paths }: SourceFiles): string {
  const compressions = new Set(paths.map(compressionOption));
  return compressions.size === 1 ? [...compressions][0] : "";
}

function jsonReader(config: SourceConfig, files: SourceFiles, columns: string, hasFile: boolean): string {
  const options = [
    pathsOf(files),
    ...(columns === "" ? ["sample_size = -1, maximum_sample_files = 2147483647"] : [columns]),
    ...(hasFile ? [`filename = '${FILE_COLUMN}'`] : []),
    ...(config.rows ? ["format = 'newline_delimited', records = true"] : []),
  ];
  return `read_json(${options.join(", ")}${compressionOf(files)})`;
}

function columnsOption(columns: readonly SourceColumn[], typeOf: (column: SourceColumn) => string): string {
  const types = columns.map((column) => `${quoteText(column.name)}: ${quoteText(typeOf(column))}`);
  return `columns = {${types.join(", ")}}`;
}

/** Texts that look like dates stay text where a feature reads them. */
function jsonType(detected: string, want: Want | undefined, named: boolean): string {
  // SQL compares texts without the quotes of JSON.
  const type = named ? detected.replace(/\bJSON\b/g, "VARCHAR") : detected;
  if (want !== "text") return type;
  // An object is a map of its keys, with values of any type.
  if (/^(STRUCT|MAP)\(/.test(detected) && !detected.endsWith("]")) return "MAP(VARCHAR, JSON)";
  const text = type.replace(/^(DATE|TIME\w*( WITH TIME ZONE)?|UUID)/, "VARCHAR");
  // Detection reads integers of any size as DOUBLE where fractions stand beside them.
  return named ? text : text.replace(/^DOUBLE/, "JSON");
}
