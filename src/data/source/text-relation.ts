import { ConfigError, DataError } from "../../errors.js";
import { typedReader } from "../../features/typed-value.js";
import { oneOf } from "../../near-names.js";
import type { SourceConfig } from "../data-config.js";
import { NO_TYPE } from "./common-type.js";
import { type Demand, namedInSql, trainedTypes } from "./demand.js";
import { type Duck, OWN_COLUMNS, quoteName, quoteText } from "./duckdb.js";
import { columnsToRead } from "./invalid-texts.js";
import { readUnread, type ScannedPart } from "./rejects.js";
import { FILE_COLUMN, type Relation } from "./relation.js";
import { readName, repeatedNames, sameName } from "./repeated-names.js";
import type { SourceFiles } from "./source-files.js";
import { cellSql } from "./text-cells.js";
import { delimiterOf, hasHeader, type TextPart, textParts } from "./text-layout.js";
import { typesOfTexts } from "./text-types.js";
import { type Conversion, declaredTypes, inexactTexts, textsAs } from "./trained-types.js";
import { findUnfitRows, fittingRows, type ReadType } from "./unfit-rows.js";
import { originalPath, originalPathSql, utf8Files } from "./utf8-copies.js";

/**
 * CSV and TSV files. A column is read as text, and features parse the texts with their own rules. Only columns that SQL
 * computes with have other types, which are settled by all their values.
 */
export async function textRelation(
  duck: Duck,
  config: SourceConfig,
  files: SourceFiles,
  demand: Demand,
  where: string,
): Promise<Relation> {
  const readable = await utf8Files(duck, config, files, where);
  const parts = await textParts(duck, config, readable, where);
  const { names, repeated } = namesOfAll(duck, config, parts, demand, where);
  for (const name of Object.keys(config.types ?? {})) requireName(name, names, `${where}.types.${name}`);
  const reader = new TextReader(duck, config, readable, parts, names);
  await reader.readInvalid(demand, where);
  const types = await settleTypes(duck, config, reader, demand, where);
  return {
    repeated,
    untyped: names.filter((name) => types.get(name)?.type === NO_TYPE),
    select: (rejects) => reader.select(types, rejects),
    unread: async (rejects, refused) => {
      const unfit = await findUnfitRows(duck, reader.rows(types), types, `${rejects}_unfit`, where);
      return readUnread(duck, reader.scannedParts(rejects), refused, unfit, where);
    },
  };
}

/**
 * The columns of the first file, or with `union` of all files, without those of the same name, which are `repeated`.
 * @throws DataError if such a column is read, or if a file lacks a column
 */
function namesOfAll(
  duck: Duck,
  { union, types = {} }: SourceConfig,
  parts: readonly TextPart[],
  demand: Demand,
  where: string,
): { names: string[]; repeated: string[] } {
  const [first, ...others] = parts;
  const all = union ? [...new Set(parts.flatMap(({ columns }) => columns))] : first.columns;
  const repeated = [...parts.flatMap(({ header }) => repeatedNames(header)), ...repeatedNames(all)];
  const read = readName({ ...demand, sql: [...demand.sql, ...Object.keys(types)] }, repeated);
  if (read !== undefined) throw sameName(read, placesOf(duck, read, parts), where, NAME_COLUMNS);
  const names = all.filter(
    (name) => !repeated.includes(name) && parts.some(({ header }) => header.includes(name)),
  );
  for (const other of union ? [] : others) {
    const missing = names.find((name) => !other.columns.includes(name));
    if (missing === undefined) continue;
    const [file, lacking] = [first.paths[0], other.paths[0]].map((path) => originalPath(duck, path));
    throw lacksColumn(missing, file, lacking, where);
  }
  return { names, repeated };
}

function placesOf(duck: Duck, name: string, parts: readonly TextPart[]): string[] {
  return parts.flatMap(({ header, paths }) =>
    header.flatMap((other, i) =>
      other.toLowerCase() === name.toLowerCase()
        ? [`column ${i + 1} (${other}) of ${originalPath(duck, paths[0])}`]
        : [],
    ),
  );
}

const NAME_COLUMNS =
  "Give every column a name of its own with columns: [ … ] and header: true, or change the names in the files.";

export function lacksColumn(column: string, first: string, file: string, where: string): DataError {
  return new DataError({
    what: "a file lacks a column that the first file has",
    where: `${where}.path`,
    got: `${file} has no column ${column}`,
    expected: `the columns of ${first}`,
    next: "Remove the file from path, or set union: true to read the column as missing there.",
  });
}

function requireName(name: string, names: readonly string[], where: string): void {
  if (names.includes(name)) return;
  throw new ConfigError({
    what: "types names a column that the files do not have",
    where,
    got: name,
    expected: oneOf(name, names),
    next: "Correct the name.",
  });
}

/** The types of the columns that the config declares or SQL computes with. */
async function settleTypes(
  duck: Duck,
  config: SourceConfig,
  reader: TextReader,
  demand: Demand,
  where: string,
): Promise<Map<string, ReadType>> {
  const declared = await declaredTypes(duck, config, where);
  for (const [name, type] of config.sql === undefined ? declared : [])
    if (demand.wants.has(name)) refuseUnreadable(name, type, where);
  const texts = reader.texts();
  const isNamed = namedInSql(demand.sql);
  const named = reader.names.filter((name) => !declared.has(name) && isNamed(name));
  const typeOf = trainedTypes(demand);
  const open = named
    .filter((name) => typeOf(name) === undefined && demand.wants.get(name) !== "text")
    .map((name) => ({ name, want: demand.wants.get(name) }));
  const settled = await typesOfTexts(duck, open, texts, where);
  const known = reader.names.flatMap((name): Conversion[] => {
    const to = declared.get(name) ?? (isNamed(name) ? typeOf(name) : undefined);
    const want = demand.wants.get(name);
    return to === undefined ? [] : [{ name, from: "VARCHAR", to, want, isDeclared: declared.has(name) }];
  });
  const inexactNames = await inexactTexts(duck, known, texts, where);
  const inexact = [
    ...[...settled].flatMap(([name, { type, isExact }]) =>
      isExact ? [] : [{ name, to: type, want: demand.wants.get(name) }],
    ),
    ...known.filter(({ name }) => inexactNames.has(name)),
  ];
  return new Map<string, ReadType>([
    ...[...settled].map(([name, { type }]) => [name, { type }] as const),
    ...known.map(({ name, to }) => [name, { type: to }] as const),
    ...inexact.map(
      (conversion) => [conversion.name, { type: conversion.to, fit: textsAs(conversion) }] as const,
    ),
  ]);
}

/** @throws ConfigError for a type whose texts DuckDB reads by its own rules: requests have no such values */
function refuseUnreadable(name: string, type: string, where: string): void {
  if (type === "VARCHAR" || typedReader(type)) return;
  throw new ConfigError({
    what: "a feature reads a column of a text file as a type whose texts requests do not read",
    where: `${where}.types.${name}`,
    got: type,
    expected:
      "the type of a number, a boolean, a time or a UUID, a list of numbers, booleans or times, or VARCHAR",
    next: "Remove the column from types: features read lists and maps from texts by their own rules. Or make the column in sql.",
  });
}

const TEXT: ReadType = { type: "VARCHAR" };

/**
 * The tables of malformed rows that nobody reads. DuckDB's other way to go on after them, `ignore_errors`, ends a file
 * without a word at the first stray quote.
 */
const UNREAD = "unread";

/** The SELECT of all files, for any types of their columns. Columns without a type are text. */
class TextReader {
  private readonly hasFileColumn: boolean;
  /** The columns that every query of a part reads. */
  private readonly always = new Map<TextPart, readonly string[]>();

  constructor(
    private readonly duck: Duck,
    private readonly config: SourceConfig,
    private readonly files: SourceFiles,
    private readonly parts: readonly TextPart[],
    readonly names: readonly string[],
  ) {
    this.hasFileColumn = config.sql === undefined && files.paths.length > 1;
  }

  /** Makes queries of files with invalid texts read all columns that they have to. */
  async readInvalid(demand: Demand, where: string): Promise<void> {
    for (const part of this.parts) {
      const texts = (rejects: string) =>
        `SELECT * FROM ${this.relation(part, new Map(), rejects, this.hasFileColumn)}`;
      this.always.set(part, await columnsToRead(this.duck, part, demand, texts, where));
    }
  }

  /** All columns as texts, the numbers as SQL writes them, and {@link FILE_COLUMN}. */
  texts(): string {
    return this.selectParts(new Map(), UNREAD, { asTexts: true, withFile: true });
  }

  /** The rows of which some do not fit the types, with {@link FILE_COLUMN}. */
  rows(types: ReadonlyMap<string, ReadType>): string {
    return this.selectParts(types, UNREAD, { withFile: true });
  }

  /** Columns that stay texts are as the file has them: who reads them knows whether they are numbers. */
  select(types: ReadonlyMap<string, ReadType>, rejects = UNREAD): string {
    return fittingRows(this.selectParts(types, rejects, { withFile: this.hasFileColumn }), types);
  }

  scannedParts(rejects: string): ScannedPart[] {
    const { skip = 0 } = this.config;
    const delimiter = delimiterOf(this.config, this.files.format);
    return this.parts.map(({ paths, columns }, i) => ({
      table: `${rejects}_${i}`,
      paths,
      format: { delimiter, skip, header: hasHeader(this.config), columns },
    }));
  }

  private selectParts(
    types: ReadonlyMap<string, ReadType>,
    rejects: string,
    form: { readonly asTexts?: true; readonly withFile: boolean },
  ): string {
    return this.parts
      .map((part, i) => this.selectPart(part, types, `${rejects}_${i}`, form))
      .join(" UNION ALL ");
  }

  private selectPart(
    part: TextPart,
    types: ReadonlyMap<string, ReadType>,
    rejects: string,
    { asTexts = false, withFile }: { readonly asTexts?: boolean; readonly withFile: boolean },
  ): string {
    const inPart = new Set(part.columns);
    const columns = this.names.map((name) => {
      const column = quoteName(name);
      const { type, fit } = types.get(name) ?? TEXT;
      const read = fit ? "VARCHAR" : type;
      if (type === NO_TYPE) return `NULL AS ${column}`;
      if (!inPart.has(name)) return `CAST(NULL AS ${read}) AS ${column}`;
      const cell = cellSql(this.config, column, asTexts || type !== "VARCHAR");
      if (cell === column) return column;
      return `${read === "VARCHAR" ? cell : `CAST(${cell} AS ${type})`} AS ${column}`;
    });
    const file = quoteName(FILE_COLUMN);
    if (withFile) columns.push(`${originalPathSql(this.duck, file, this.config)} AS ${file}`);
    const always = (this.always.get(part) ?? []).map(quoteName);
    const reads = always.length > 0 ? ` WHERE hash(${always.join(", ")}) IS NOT NULL` : "";
    return `SELECT ${columns.join(", ")} FROM ${this.relation(part, types, rejects, withFile)}${reads}`;
  }

  private relation(
    { paths, columns, compression }: TextPart,
    types: ReadonlyMap<string, ReadType>,
    rejects: string,
    withFile: boolean,
  ): string {
    const { config, files } = this;
    const typed = columns.map((name) => {
      const { type, fit } = types.get(name) ?? TEXT;
      const isText = type === NO_TYPE || fit !== undefined || config.trim || config.decimal === ",";
      return `${quoteText(name)}: ${quoteText(isText ? "VARCHAR" : type)}`;
    });
    const options = [
      `[${paths.map(quoteText).join(", ")}]`,
      "auto_detect = false",
      OWN_COLUMNS,
      `header = ${hasHeader(config)}`,
      `delim = ${quoteText(delimiterOf(config, files.format))}`,
      `quote = '"', escape = '"'`,
      `nullstr = [${["", ...(config.nullValues ?? [])].map(quoteText).join(", ")}]`,
      `columns = {${typed.join(", ")}}`,
      ...(config.skip === undefined ? [] : [`skip = ${config.skip}`]),
      ...(withFile ? [`filename = '${FILE_COLUMN}'`] : []),
      `store_rejects = true, rejects_table = '${rejects}_errors', rejects_scan = '${rejects}_scans'`,
      ...(rejects.startsWith(UNREAD) ? ["rejects_limit = 1"] : []),
    ];
    return `read_csv(${options.join(", ")}${compression})`;
  }
}
