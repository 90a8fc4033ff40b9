import { type Duck, quoteName, quoteText } from "./duckdb.js";
import type { MalformedRow, UnfitRecord, UnfitRows } from "./rejects.js";
import { FILE_COLUMN } from "./relation.js";
import type { Converted } from "./trained-types.js";
import { textRows } from "./vectors.js";

/**
 * Rows of text files in which a text is no value of the type of its column. They are left out before SQL computes with the
 * column: any value in place of the text would change what SQL gives. Only where all features that read the column take
 * such a text for missing, it is NULL.
 */

/** How a column of a text file is read. */
export interface ReadType {
  readonly type: string;
  /** How texts become values, if DuckDB's reader would not read all of them so. Rows with a `misfit` are left out. */
  readonly fit?: Converted;
}

type ReadTypes = ReadonlyMap<string, ReadType>;

/** @param rows a SELECT in which the columns with a `fit` are texts */
export function fittingRows(rows: string, types: ReadTypes): string {
  const values = [...types].flatMap(([name, { fit }]) => (fit ? [`${fit.sql} AS ${quoteName(name)}`] : []));
  if (values.length === 0) return rows;
  const fits = unfitColumns(types).map(({ misfit }) => `(${misfit}) IS NOT TRUE`);
  const where = fits.length > 0 ? ` WHERE ${fits.join(" AND ")}` : "";
  return `SELECT * REPLACE (${values.join(", ")}) FROM (${rows})${where}`;
}

/** The columns for which rows are left out. */
function unfitColumns(types: ReadTypes) {
  return [...types].flatMap(([name, { type, fit }]) =>
    fit?.misfit === undefined ? [] : [{ name, type, misfit: fit.misfit }],
  );
}

/**
 * The rows that {@link fittingRows} leaves out.
 * @param rows a SELECT as for {@link fittingRows}, with {@link FILE_COLUMN}
 * @param table a name that is new in the database
 * @returns undefined if every text of every column fits
 */
export async function findUnfitRows(
  duck: Duck,
  rows: string,
  types: ReadTypes,
  table: string,
  where: string,
): Promise<UnfitRows | undefined> {
  if (unfitColumns(types).length === 0) return undefined;
  await duck.run(`CREATE OR REPLACE TEMP TABLE ${table} AS ${unfitSql(rows, types)}`, where);
  const stream = () =>
    duck.stream(`SELECT number::VARCHAR, file, name, type, text, total::VARCHAR FROM ${table}`, where);
  const numbers: number[] = [];
  let total = 0;
  for await (const chunk of stream())
    for (const row of textRows(chunk)) {
      numbers.push(Number(row[0]));
      total = Number(row[5]);
    }
  async function* list(recordOf: (number: number) => UnfitRecord | undefined): AsyncGenerator<MalformedRow> {
    for await (const chunk of stream())
      for (const [number, file, column, type, text] of textRows(chunk)) {
        const record = recordOf(Number(number));
        const reason = `malformed row: Not of type ${type}`;
        yield { file: file!, line: record?.line, column, reason, text: record?.text ?? text };
      }
  }
  return { numbers, total, list };
}

/** One row for each unfit row: its number, file, first unfit column with type and text, and the number of all rows. */
function unfitSql(rows: string, types: ReadTypes): string {
  const places = unfitColumns(types).map(
    ({ name, type, misfit }) =>
      `WHEN ${misfit} THEN {'name': ${quoteText(name)}, 'type': ${quoteText(type)}, 'text': ${quoteName(name)}}`,
  );
  const numbered = `SELECT row_number() OVER () AS number, ${quoteName(FILE_COLUMN)} AS file, CASE ${places.join(" ")} END AS place FROM (${rows})`;
  const found = `SELECT count(*) AS total, list({'number': number, 'file': file, 'place': place}) FILTER (place IS NOT NULL) AS found FROM (${numbered})`;
  return `SELECT total, unnest(found, recursive := true) FROM (${found})`;
}
