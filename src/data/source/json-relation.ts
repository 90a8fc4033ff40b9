import { DataError } from "../../errors.js";
import { listElement } from "../../features/sql-types.js";
import type { SourceConfig } from "../data-config.js";
import { NO_TYPE } from "./common-type.js";
import { type Demand, namedInSql, trainedTypes, type Want } from "./demand.js";
import { type Duck, OWN_COLUMNS, quoteName, quoteText, type SourceColumn } from "./duckdb.js";
import { filledEmpties } from "./empty-json.js";
import { refuseInexactIds } from "./json-digits.js";
import { withJsonLine } from "./json-lines.js";
import { jsonForTexts, textsForJson } from "./json-value.js";
import { isNested, mapTypes, structFields } from "./nested-types.js";
import { FILE_COLUMN, type Relation } from "./relation.js";
import { mayBeRenamed, readName, repeatedNames, sameName } from "./repeated-names.js";
import type { SourceFiles } from "./source-files.js";
import { textBytes } from "./text-bytes.js";
import { compressionOption } from "./text-layout.js";
import { typesOfTexts } from "./text-types.js";
import { type Conversion, convertedSql, declaredTypes, refuseMisfits } from "./trained-types.js";

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
  const layout = await layoutOptions(config, files, where);
  const relation = (columns: string) => jsonReader(files, layout, columns, hasFileColumn);
  // Reads the whole of every file.
  const described = await duck.describe(`SELECT * FROM ${relation("")}`, where).catch(async (error) => {
    throw isNoObject(error) ? noObjects(files, where) : await withJsonLine(error);
  });
  const found = described.filter(({ name }) => name !== FILE_COLUMN);
  const { columns, repeated } = await withoutRepeated(duck, found, { files, layout }, demand, where);
  if (!config.rows)
    await refuseInexactIds(duck, objects({ files, layout }), fractionIds(columns, demand), where);
  const texts = `SELECT * FROM ${relation(columnsOption(columns, () => "VARCHAR"))}`;
  const conversions = await conversionsOf(duck, config, columns, texts, demand, where);
  const types = new Map(conversions.map(({ name, from }) => [name, from]));
  const read = (withFile: boolean) =>
    jsonReader(
      files,
      layout,
      columnsOption(columns, ({ name }) => types.get(name)!),
      withFile,
    );
  await refuseMisfits(duck, conversions, `SELECT * FROM ${read(true)}`, where);
  const list = conversions.map((column) => `${convertedSql(column)} AS ${quoteName(column.name)}`);
  if (hasFileColumn) list.push(quoteName(FILE_COLUMN));
  const select = `SELECT ${list.join(", ")} FROM ${read(hasFileColumn)}`;
  const untyped = conversions.filter(({ to }) => to === NO_TYPE).map(({ name }) => name);
  return { repeated, untyped, select: () => select };
}

/** How each column is read, and the type that SQL sees: that of the config, of training, or of all its values. */
async function conversionsOf(
  duck: Duck,
  config: SourceConfig,
  columns: readonly SourceColumn[],
  texts: string,
  demand: Demand,
  where: string,
): Promise<Conversion[]> {
  const declared = await declaredTypes(duck, config, where);
  const isNamed = namedInSql(demand.sql);
  const want = (name: string) => demand.wants.get(name);
  const trained = trainedTypes(demand);
  const open = columns.filter(
    (column) =>
      isNamed(column.name) &&
      !declared.has(column.name) &&
      trained(column.name) === undefined &&
      isOpen(column, want(column.name)),
  );
  const found = open.map(({ name }) => ({ name, want: undefined }));
  const settled = await typesOfTexts(duck, found, texts, where);
  return columns.map((column) => {
    const { name, type } = column;
    const own = jsonType(type, want(name), isNamed(name));
    const known = declared.get(name) ?? trained(name);
    const isDeclared = declared.has(name);
    if (isDeclared && isNested(known!))
      return { name, from: jsonForTexts(known!), to: known!, want: want(name) };
    const to = known ?? settledType(type, settled.get(name)?.type) ?? own;
    const isText = isTime(to) || (known === "DOUBLE" && !isNumeric(want(name)));
    const isMixed =
      to === "VARCHAR" && (/^(JSON|DOUBLE)$/.test(type) || isNested(type)) && !isNumeric(want(name));
    const areTexts = isNested(to) && type !== to && hasTextsOf(type, to);
    const read = filledEmpties(name, type, to) ? type : readType(own, to, isText);
    return {
      name,
      from: isMixed || areTexts ? jsonForTexts(to) : read,
      to,
      shown: type,
      want: want(name),
      isDeclared,
    };
  });
}

/** Features of numbers parse the texts of numbers themselves. */
const isNumeric = (want: Want | undefined) => want !== undefined && want !== "text";

/** What the values of a column settle: those of a column of JSON only whether there are any. */
function settledType(detected: string, type: string | undefined): string | undefined {
  return detected === "JSON" && type !== NO_TYPE ? undefined : type;
}

/**
 * True for a column whose type its values have to settle. Detection reads integers of any size as DOUBLE where fractions
 * stand beside them, small integers with and without a minus as HUGEINT, dates by formats that it guesses, and columns
 * without a value as JSON.
 */
function isOpen({ type }: SourceColumn, want: Want | undefined): boolean {
  if (type === "JSON" || isTime(type)) return want !== "text";
  return type === "HUGEINT" || (type === "DOUBLE" && !want);
}

const isTime = (type: string) => /^(DATE|TIME)/.test(type);

/** Values are read as texts where the reader would change some of them to fit the type. */
function readType(own: string, to: string, isText: boolean): string {
  if (isNested(to) || (own === to && !isText)) return own;
  return "VARCHAR";
}

/** True if the values of a type may be read as another one in which some of them are texts. */
function hasTextsOf(type: string, texts: string): boolean {
  if (type === texts || texts === "VARCHAR") return true;
  const [element, text] = [listElement(type), listElement(texts)];
  if (element !== undefined && text !== undefined) return hasTextsOf(element, text);
  const [fields, map, textFields, textMap] = [
    structFields(type),
    mapTypes(type),
    structFields(texts),
    mapTypes(texts),
  ];
  const values = map ? [map.value] : [...(fields?.values() ?? [])];
  if (textMap) return values.length > 0 && values.every((value) => hasTextsOf(value, textMap.value));
  return (
    fields !== undefined &&
    textFields !== undefined &&
    [...fields].every(([name, field]) => !textFields.has(name) || hasTextsOf(field, textFields.get(name)!))
  );
}

/**
 * The columns without those that differ only in capitals, which are `repeated`. DuckDB calls the key `X` beside `x` `X_1`,
 * and finds no value.
 * @throws DataError if one of them is read
 */
async function withoutRepeated(
  duck: Duck,
  columns: readonly SourceColumn[],
  from: { readonly files: SourceFiles; readonly layout: string },
  demand: Demand,
  where: string,
): Promise<{ columns: readonly SourceColumn[]; repeated: readonly string[] }> {
  if (!mayBeRenamed(columns.map(({ name }) => name))) return { columns, repeated: [] };
  const sql = `SELECT key, min(filename) FROM (SELECT unnest(json_keys(json)) AS key, filename FROM (${objects(from)})) GROUP BY key ORDER BY key`;
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
const objects = ({ files, layout }: { readonly files: SourceFiles; readonly layout: string }) =>
  `SELECT json, filename FROM read_json_objects(${pathsOf(files)}, filename = true, ${OWN_COLUMNS}${layout})`;

const pathsOf = ({ paths }: SourceFiles) => `[${paths.map(quoteText).join(", ")}]`;

/** With several kinds of files, DuckDB detects each. */
function compressionOf({ paths }: SourceFiles): string {
  const compressions = new Set(paths.map(compressionOption));
  return compressions.size === 1 ? [...compressions][0] : "";
}

/** Options for the compression of files, and for where their objects are. */
async function layoutOptions(config: SourceConfig, files: SourceFiles, where: string): Promise<string> {
  if (config.rows) return ", format = 'newline_delimited'";
  const heads = await Promise.all(files.paths.map(startOfText));
  // Detection takes a list after a byte order mark for a single value.
  const marked = heads.findIndex((head) => /^\ufeff\s*\[/.test(head));
  const isMarkedList = marked >= 0;
  if (isMarkedList && heads.some((head) => /^\ufeff?\s*\{/.test(head)))
    throw markedList(files.paths[marked], where);
  return `${isMarkedList ? ", format = 'array'" : ""}${compressionOf(files)}`;
}

function markedList(path: string, where: string): DataError {
  return new DataError({
    what: "a list of JSON after a byte order mark cannot be read beside files with an object in each line",
    where: `${where}.path`,
    got: path,
    expected: "lists in all files, or no mark",
    next: "Remove the first three bytes of the file, for example with tail -c +4.",
  });
}

async function startOfText(path: string): Promise<string> {
  for await (const piece of textBytes(path) ?? []) return piece.toString("utf8", 0, 64);
  return "";
}

function jsonReader(files: SourceFiles, layout: string, columns: string, hasFile: boolean): string {
  const options = [
    pathsOf(files),
    OWN_COLUMNS,
    "records = true",
    ...(columns === "" ? ["sample_size = -1, maximum_sample_files = 2147483647"] : [columns]),
    ...(hasFile ? [`filename = '${FILE_COLUMN}'`] : []),
  ];
  return `read_json(${options.join(", ")}${layout})`;
}

const isNoObject = (error: unknown) =>
  error instanceof DataError && /non-record JSON/.test(error.report.got ?? "");

function noObjects({ paths }: SourceFiles, where: string): DataError {
  return new DataError({
    what: "the JSON files have no objects, which are the rows of a table",
    where: `${where}.path`,
    got: paths.slice(0, 3).join(", "),
    expected:
      'an object for each row, such as {"user": "u1", "clicked": 1}: one in each line, or all in one list',
    next: "Write each row as an object with the names of the columns.",
  });
}

function columnsOption(columns: readonly SourceColumn[], typeOf: (column: SourceColumn) => string): string {
  const types = columns.map((column) => `${quoteText(column.name)}: ${quoteText(typeOf(column))}`);
  return `columns = {${types.join(", ")}}`;
}

/** Texts that look like dates stay text where a feature reads them. */
function jsonType(detected: string, want: Want | undefined, named: boolean): string {
  // SQL compares texts without the quotes of JSON.
  const type = named ? textsForJson(detected) : detected;
  // Detection takes the text "Infinity" for a date.
  if ((want === "number" || want === "imputed") && isTime(type)) return "VARCHAR";
  if (want !== "text") return type;
  // An object is a map of its keys, with values of any type.
  if (/^(STRUCT|MAP)\(/.test(detected) && !detected.endsWith("]")) return "MAP(VARCHAR, JSON)";
  const text = type.replace(/^(DATE|TIME\w*( WITH TIME ZONE)?|UUID)/, "VARCHAR");
  // Detection reads integers of any size as DOUBLE where fractions stand beside them.
  return named ? text : text.replace(/^DOUBLE/, "JSON");
}
