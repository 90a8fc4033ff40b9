import { DataError } from "../../errors.js";
import type { SourceConfig } from "../data-config.js";
import { changedSql, commonType, NO_TYPE, widenedSql } from "./common-type.js";
import { type Demand, namedInSql, trainedTypes } from "./demand.js";
import { type Duck, OWN_COLUMNS, quoteName, quoteText, type SourceColumn } from "./duckdb.js";
import { FILE_COLUMN, type Relation } from "./relation.js";
import { mayBeRenamed, readName, repeatedNames, sameName } from "./repeated-names.js";
import type { SourceFiles } from "./source-files.js";
import { lacksColumn } from "./text-relation.js";
import { type Conversion, convertedSql, refuseMisfits } from "./trained-types.js";

/** Consecutive files with the same columns and types. */
interface ParquetPart {
  readonly paths: readonly string[];
  readonly columns: readonly SourceColumn[];
}

/**
 * Parquet files. Columns that SQL computes with have the types of training. Other columns whose types differ between files
 * have the type that holds the values of all.
 */
export async function parquetRelation(
  duck: Duck,
  config: SourceConfig,
  { paths }: SourceFiles,
  demand: Demand,
  where: string,
): Promise<Relation> {
  const parts = await parquetParts(duck, paths, where);
  await refuseLongDecimals(duck, paths, demand, where);
  const repeated = refuseRepeated(parts, config.union === true, demand, where);
  const trained = trainedColumns(parts, demand);
  const types = commonTypes(parts, trained, config.union === true, where);
  for (const name of repeated) types.delete(name);
  await refuseChanged(duck, parts, types, trained, demand, where);
  for (const part of parts)
    await refuseMisfits(duck, conversionsOf(part, trained), scanSql(part, true), where);
  const withFile = config.sql === undefined && paths.length > 1;
  const select = parts.map((part) => selectPart(part, types, trained, withFile)).join(" UNION ALL ");
  const untyped = [...types].filter(([, type]) => type === NO_TYPE).map(([name]) => name);
  return { select: () => select, repeated, untyped };
}

async function parquetParts(duck: Duck, paths: readonly string[], where: string): Promise<ParquetPart[]> {
  const schemas = await schemaTexts(duck, paths, where);
  const empty = paths.length > 1 ? await emptyColumns(duck, paths, where) : new Map<string, Set<string>>();
  const parts: (ParquetPart & { paths: string[]; schema: string })[] = [];
  for (const path of paths) {
    const without = empty.get(path) ?? new Set();
    const schema = `${schemas.get(path)}\n${[...without].sort().join("\n")}`;
    const last = parts.at(-1);
    if (last?.schema === schema) {
      last.paths.push(path);
      continue;
    }
    const columns = (await columnsOf(duck, path, where)).map(({ name, type }) => ({
      name,
      type: without.has(name) ? NO_TYPE : type,
    }));
    parts.push({ paths: [path], columns, schema });
  }
  return parts;
}

/** The columns of a file with the names that they have there: DuckDB calls a second `x` or `X` `X_1`. */
async function columnsOf(duck: Duck, path: string, where: string): Promise<SourceColumn[]> {
  const described = await duck.describe(
    `SELECT * FROM read_parquet(${quoteText(path)}, ${OWN_COLUMNS})`,
    where,
  );
  if (!mayBeRenamed(described.map(({ name }) => name))) return described;
  const sql = `SELECT name, coalesce(num_children, 0) FROM parquet_schema(${quoteText(path)})`;
  const names = outermost(await duck.rows(sql, where));
  return described.map(({ name, type }, i) => ({ name: names[i] ?? name, type }));
}

/** The names of the children of the first node of a tree, whose nodes are listed depth first with their numbers of children. */
function outermost(nodes: readonly (readonly (string | null)[])[]): string[] {
  const names: string[] = [];
  const awaited: number[] = [];
  for (const [name, children] of nodes) {
    if (awaited.length === 1) names.push(name as string);
    if (awaited.length > 0) awaited[awaited.length - 1]--;
    awaited.push(Number(children));
    while (awaited.at(-1) === 0) awaited.pop();
  }
  return names;
}

/** The names of several columns. @throws DataError if one of them is read */
function refuseRepeated(
  parts: readonly ParquetPart[],
  union: boolean,
  demand: Demand,
  where: string,
): readonly string[] {
  const namesOf = ({ columns }: ParquetPart) => columns.map(({ name }) => name);
  const all = union ? repeatedNames([...new Set(parts.flatMap(namesOf))]) : [];
  const repeated = [...parts.flatMap((part) => repeatedNames(namesOf(part))), ...all];
  const read = readName(demand, repeated);
  if (read === undefined) return repeated;
  const places = parts.flatMap((part) =>
    namesOf(part)
      .filter((name) => name.toLowerCase() === read.toLowerCase())
      .map((name) => `${name} in ${part.paths[0]}`),
  );
  throw sameName(read, places, where, "Write the files again with other names of columns.");
}

const list = (paths: readonly string[]) => `[${paths.map(quoteText).join(", ")}]`;

/** All that the schema of each file says, as one text. */
async function schemaTexts(
  duck: Duck,
  paths: readonly string[],
  where: string,
): Promise<Map<string, string>> {
  const sql = `SELECT file_name, string_agg(concat_ws('|', name, type, num_children, converted_type, logical_type), chr(10))
    FROM parquet_schema(${list(paths)}) GROUP BY file_name`;
  const rows = await duck.rows(sql, where);
  return new Map(rows.map(([path, schema]) => [path as string, schema as string]));
}

/** The columns of each file without a single value, by its statistics. */
async function emptyColumns(
  duck: Duck,
  paths: readonly string[],
  where: string,
): Promise<Map<string, Set<string>>> {
  const counted = `SELECT s.file_name, s.name FROM parquet_schema(${list(paths)}) s
    JOIN parquet_file_metadata(${list(paths)}) f ON f.file_name = s.file_name
    LEFT JOIN (SELECT file_name, path_in_schema, sum(num_values) AS total, sum(stats_null_count) AS empty,
        count(*) = count(stats_null_count) AS is_known
      FROM parquet_metadata(${list(paths)}) GROUP BY ALL) m
      ON m.file_name = s.file_name AND m.path_in_schema = s.name
    WHERE f.num_rows = 0 OR (m.is_known AND m.total = m.empty)`;
  const found = new Map<string, Set<string>>();
  for (const [path, name] of await duck.rows(counted, where)) {
    const names = found.get(path as string) ?? new Set<string>();
    found.set(path as string, names.add(name as string));
  }
  return found;
}

/** The types of training of the columns that SQL computes with. */
function trainedColumns(parts: readonly ParquetPart[], demand: Demand): Map<string, string> {
  const trained = trainedTypes(demand);
  const types = new Map<string, string>();
  for (const { name } of parts.flatMap(({ columns }) => columns)) {
    const type = trained(name);
    if (type !== undefined) types.set(name, type);
  }
  return types;
}

function conversionsOf({ columns }: ParquetPart, trained: ReadonlyMap<string, string>): Conversion[] {
  return columns.flatMap(({ name, type }) => {
    const to = trained.get(name);
    return to === undefined ? [] : [{ name, from: type, to }];
  });
}

/** @param trained columns that have these types, whatever they are in the files */
function commonTypes(
  parts: readonly ParquetPart[],
  trained: ReadonlyMap<string, string>,
  union: boolean,
  where: string,
): Map<string, string> {
  const [first, ...others] = parts;
  const types = new Map(first.columns.map(({ name, type }) => [name, trained.get(name) ?? type]));
  for (const part of others) {
    const columns = new Map(part.columns.map(({ name, type }) => [name, type]));
    const names = union ? new Set([...types.keys(), ...columns.keys()]) : [...types.keys()];
    for (const name of names) {
      const [known, type] = [types.get(name), columns.get(name)];
      if (type === undefined && !union) throw lacksColumn(name, first.paths[0], part.paths[0], where);
      const common = trained.get(name) ?? commonType(known ?? NO_TYPE, type ?? NO_TYPE);
      if (common === undefined) throw noCommonType(name, parts, part, where);
      types.set(name, common);
    }
  }
  return types;
}

function noCommonType(
  name: string,
  parts: readonly ParquetPart[],
  part: ParquetPart,
  where: string,
): DataError {
  const typeIn = ({ columns }: ParquetPart) => columns.find((column) => column.name === name)?.type;
  const type = typeIn(part) as string;
  const other =
    parts.find((candidate) => commonType(typeIn(candidate) ?? NO_TYPE, type) === undefined) ?? parts[0];
  return new DataError({
    what: `the column ${name} has types in different files that no type covers`,
    where: `${where}.path`,
    got: `${typeIn(other)} in ${other.paths[0]}, ${type} in ${part.paths[0]}`,
    expected: "types of one kind: numbers, texts or times",
    next: "Write one of the files again with the type of the other; DuckDB does it with COPY (SELECT * REPLACE (CAST(column AS type) AS column) FROM 'old.parquet') TO 'new.parquet'.",
  });
}

/**
 * Refuses values that the common type would change, in columns that are ids or that SQL computes with. Features that are
 * numbers have the nearest double.
 */
async function refuseChanged(
  duck: Duck,
  parts: readonly ParquetPart[],
  types: ReadonlyMap<string, string>,
  trained: ReadonlyMap<string, string>,
  { wants, sql }: Demand,
  where: string,
): Promise<void> {
  const isNamed = namedInSql(sql);
  for (const { paths, columns } of parts) {
    const changed = columns.flatMap(({ name, type }) => {
      const isExact = !trained.has(name) && (wants.get(name) === "text" || isNamed(name));
      const value = isExact ? changedSql(quoteName(name), type, types.get(name) ?? type) : undefined;
      return value ? [{ name, type, value }] : [];
    });
    if (changed.length === 0) continue;
    const firsts = changed.map(({ value }) => `any_value(${value})`);
    const [row] = await duck.rows(
      `SELECT ${firsts} FROM read_parquet(${list(paths)}, ${OWN_COLUMNS})`,
      where,
    );
    for (const [i, { name, type }] of changed.entries())
      if (row[i] !== null) throw changedByOthers({ name, type, value: row[i] }, paths, where);
  }
}

function changedByOthers(
  { name, type, value }: { name: string; type: string; value: string },
  paths: readonly string[],
  where: string,
): DataError {
  const files =
    paths.length === 1 ? paths[0] : `${paths[0]} or one of the ${paths.length - 1} files after it`;
  const as = `COPY (SELECT * REPLACE (CAST(${quoteName(name)} AS BIGINT) AS ${quoteName(name)}) FROM 'old.parquet') TO 'new.parquet'`;
  return new DataError({
    what: `the column ${name} has floating-point numbers in other files, which do not hold a value of this file exactly`,
    where: `${where}.path`,
    got: `${value}, of type ${type}, in ${files}`,
    expected: "integers or decimals in every file",
    next: `Write the other files again, with BIGINT if all their values are integers, or else with a DECIMAL: ${as}.`,
  });
}

function selectPart(
  part: ParquetPart,
  types: ReadonlyMap<string, string>,
  trained: ReadonlyMap<string, string>,
  withFile: boolean,
): string {
  const items = [...types].map(([name, to]) => {
    const from = part.columns.find((column) => column.name === name)?.type ?? NO_TYPE;
    const column = quoteName(name);
    const wide = to === NO_TYPE ? "NULL" : widenedSql(column, from, to);
    const sql = trained.has(name) ? convertedSql({ name, from, to }) : wide;
    return sql === column ? column : `${sql} AS ${column}`;
  });
  if (withFile) items.push(quoteName(FILE_COLUMN));
  return `SELECT ${items.join(", ")} FROM (${scanSql(part, withFile)})`;
}

function scanSql({ paths }: ParquetPart, withFile: boolean): string {
  return `FROM read_parquet(${list(paths)}, ${OWN_COLUMNS}${withFile ? `, filename = '${FILE_COLUMN}'` : ""})`;
}

/** DuckDB reads decimals of more digits as doubles that have lost the last ones. */
const MAX_DIGITS = 38;

async function refuseLongDecimals(
  duck: Duck,
  paths: readonly string[],
  demand: Demand,
  where: string,
): Promise<void> {
  const isNamed = namedInSql(demand.sql);
  const sql = `SELECT file_name, name, precision FROM parquet_schema(${list(paths)}) WHERE precision > ${MAX_DIGITS}`;
  for (const [path, name, digits] of await duck.rows(sql, where))
    if (demand.wants.has(name as string) || isNamed(name as string))
      throw new DataError({
        what: `the column ${name} has decimals of more digits than can be read`,
        where: `${where}.path`,
        got: `${digits} digits in ${path}`,
        expected: `at most ${MAX_DIGITS}`,
        next: "Write the column as text or as DECIMAL(38, …).",
      });
}
