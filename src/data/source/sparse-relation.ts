import type { SourceConfig } from "../data-config.js";
import { type Demand, trainedTypes } from "./demand.js";
import { type Duck, quoteName, quoteText } from "./duckdb.js";
import type { MalformedRow, Place, Refused, Unread } from "./rejects.js";
import { FILE_COLUMN, type Relation } from "./relation.js";
import type { SourceFiles } from "./source-files.js";
import { linesSql } from "./text-layout.js";
import { type Conversion, convertedSql, refuseMisfits } from "./trained-types.js";
import { textRows } from "./vectors.js";

/**
 * LIBSVM and LIBFFM files: a line is a label, then `index:value` or `field:index:value`. What follows a `#` is a comment.
 * Columns are `label`, in LIBSVM files `qid` and `features`, in LIBFFM files `field0`, `field1`, …; each feature column is a
 * list of `index:value` texts, as weighted ids are written.
 *
 * Formats: https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/ and https://github.com/ycjuan/libffm
 */
export async function sparseRelation(
  duck: Duck,
  config: SourceConfig,
  { paths, format }: SourceFiles,
  demand: Demand,
  where: string,
): Promise<Relation> {
  const { wants, sql } = demand;
  const columns = format === "libsvm" ? LIBSVM : libffmColumns([...wants.keys(), ...sql].join("\n"));
  const values = [...columns].map(([name, value]) => `${value} AS ${quoteName(name)}`);
  const lines = paths.map((path) => parsedLines(path, format)).join(" UNION ALL ");
  const read = `SELECT ${values.join(", ")}, ${quoteName(FILE_COLUMN)} FROM (${lines}) WHERE is_valid`;
  const trained = trainedTypes(demand);
  const conversions = [...columns.keys()].map((name) => conversionOf(name, trained(name)));
  await refuseMisfits(duck, conversions, read, where);
  const items = conversions.map((column) => `${convertedSql(column)} AS ${quoteName(column.name)}`);
  if (config.sql === undefined && paths.length > 1) items.push(quoteName(FILE_COLUMN));
  const select = `SELECT ${items.join(", ")} FROM (${read})`;
  return {
    select: () => select,
    unread: (_, refused) => readUnreadLines(duck, paths, format, refused, where),
  };
}

function conversionOf(name: string, trained: string | undefined): Conversion {
  const from = name === "label" ? "DOUBLE" : name === "qid" ? "VARCHAR" : "VARCHAR[]";
  return { name, from, to: trained ?? from };
}

const TOKENS = "string_split_regex(content, '[ \\t]+')";
const LIBSVM: ReadonlyMap<string, string> = new Map([
  ["label", `CAST(${TOKENS}[1] AS DOUBLE)`],
  ["qid", `regexp_extract(content, '[ \\t]qid:([^ \\t]+)', 1)`],
  ["features", `list_filter(${TOKENS}[2:], lambda token: NOT starts_with(token, 'qid:'))`],
]);

/** The label, and the fields that the config names: the others are not known without a scan. */
function libffmColumns(named: string): Map<string, string> {
  const fields = new Set(Array.from(named.matchAll(/\bfield(\d+)\b/gi), ([, field]) => Number(field)));
  const columns = new Map([["label", `CAST(${TOKENS}[1] AS DOUBLE)`]]);
  for (const field of [...fields].sort((a, b) => a - b)) {
    const own = `list_filter(${TOKENS}[2:], lambda token: starts_with(token, '${field}:'))`;
    columns.set(`field${field}`, `list_transform(${own}, lambda token: token[${`${field}:`.length + 1}:])`);
  }
  return columns;
}

const NUMBER = "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?";
const VALID: Partial<Record<SourceFiles["format"], string>> = {
  libsvm: `${NUMBER}([ \\t]+qid:[^ \\t]+)?([ \\t]+[0-9]+:${NUMBER})*`,
  libffm: `${NUMBER}([ \\t]+(0|[1-9][0-9]*):[0-9]+:${NUMBER})*`,
};

/** The lines of a file: `line`, `content` without comment and white space, and `is_valid`, null for an empty line. */
function parsedLines(path: string, format: SourceFiles["format"]): string {
  const file = `${quoteText(path)} AS ${quoteName(FILE_COLUMN)}`;
  const content = "trim(split_part(line, '#', 1), ' ' || chr(9) || chr(13))";
  const isValid = `CASE WHEN content <> '' THEN regexp_full_match(content, '${VALID[format]}') END`;
  return `SELECT line, content, ${isValid} AS is_valid, ${file} FROM (SELECT line, ${content} AS content FROM ${linesSql([path], {})})`;
}

async function readUnreadLines(
  duck: Duck,
  paths: readonly string[],
  format: SourceFiles["format"],
  { rows }: Refused,
  where: string,
): Promise<Unread> {
  const places: Place[] = [];
  const malformed: MalformedRow[] = [];
  let before = 0;
  for (const file of paths) {
    const wanted = rows.slice(places.length).map((row) => row - before);
    for await (const chunk of duck.stream(unreadSql(file, format, wanted), where))
      for (const [line, row, text] of textRows(chunk))
        if (row === null) malformed.push(malformedLine(file, Number(line), text));
        else places.push({ file, line: Number(line), cells: new Map() });
    if (wanted.length === 0) continue;
    const [[valid]] = await duck.rows(`SELECT count_if(is_valid) FROM (${parsedLines(file, format)})`, where);
    before += Number(valid);
  }
  return { malformed: generate(malformed), places };
}

/** Line, number among the valid lines, and text, of the lines that are not valid and of wanted ones. */
function unreadSql(file: string, format: SourceFiles["format"], wanted: readonly number[]): string {
  const counted = "sum(CASE WHEN is_valid THEN 1 ELSE 0 END) OVER (ROWS UNBOUNDED PRECEDING)";
  const numbered = `SELECT *, row_number() OVER () AS number, ${counted} AS valid FROM (${parsedLines(file, format)})`;
  const isWanted = wanted.length === 0 ? "" : `OR (is_valid AND valid IN (${wanted.join(", ")}))`;
  return `SELECT number::VARCHAR, CASE WHEN is_valid THEN valid::VARCHAR END, line FROM (${numbered}) WHERE NOT is_valid ${isWanted}`;
}

function malformedLine(file: string, line: number, text: string | null): MalformedRow {
  const reason = "malformed row: not a label and pairs of numbers";
  return { file, line, column: null, reason, text: text?.slice(0, 1000) ?? null };
}

async function* generate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
