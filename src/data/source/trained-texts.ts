import { isHistory } from "../../features/fitted.js";
import { ownValue } from "../../own-value.js";
import type { Demand } from "./demand.js";
import { type Duck, quoteName, quoteText, type SourceColumn } from "./duckdb.js";
import { FILE_COLUMN, type Relation } from "./relation.js";
import { type Conversion, convertedSql, refuseMisfits } from "./trained-types.js";

/**
 * Texts of a later source as values of the types that the columns had in training, as texts of requests are read: of columns that the
 * SQL of training computed, and the source has as texts.
 * @param select a SELECT of the columns
 * @throws DataError for a text that the type does not hold
 */
export async function withTrainedTexts(
  duck: Duck,
  select: Relation["select"],
  columns: readonly SourceColumn[],
  demand: Demand,
  where: string,
): Promise<Relation["select"]> {
  const conversions = conversionsOf(columns, demand);
  if (conversions.length === 0) return select;
  const hasFile = columns.some(({ name }) => name === FILE_COLUMN);
  const file = hasFile ? "" : `, ${quoteText("the source")} AS ${quoteName(FILE_COLUMN)}`;
  await refuseMisfits(duck, conversions, `SELECT *${file} FROM (${select()})`, where);
  const replaced = conversions.map((column) => `${convertedSql(column)} AS ${quoteName(column.name)}`);
  return (rejects) => `SELECT * REPLACE (${replaced.join(", ")}) FROM (${select(rejects)})`;
}

function conversionsOf(columns: readonly SourceColumn[], demand: Demand): Conversion[] {
  const { textTypes = {}, wants } = demand;
  const isOfHistory = isHistory(demand);
  return columns.flatMap(({ name, type }) => {
    const to = ownValue(textTypes, name);
    const want = wants.get(name);
    if (to === undefined || type !== "VARCHAR" || want === undefined || isOfHistory(name)) return [];
    return [{ name, from: type, to, want }];
  });
}
