import { ConfigError } from "../../errors.js";
import { type Duck, quoteName } from "./duckdb.js";
import { orderBreak } from "./row-order.js";
import type { Source } from "./source.js";

/** The 1-based number of a row in its source, over all files. */
export const ROW_COLUMN = "@row";

/**
 * The source with the column {@link ROW_COLUMN}. Every query must see the same numbers, so the sql may not change the
 * order of rows, and every query must read all columns: a row of a text file is malformed only for queries that read the
 * malformed column.
 * @throws ConfigError if the sql of the source does not keep the order of rows
 */
export async function numberRows(duck: Duck, source: Source, key: string): Promise<Source> {
  if (source.hasRowColumn) return source;
  await refuseUnordered(duck, source, key);
  const names = source.columns.map(({ name }) => quoteName(name)).join(", ");
  const where = source.unread ? ` WHERE hash(${names}) IS NOT NULL` : "";
  return {
    ...source,
    hasRowColumn: true,
    select: (rejects) =>
      `SELECT * FROM (SELECT *, row_number() OVER () AS ${quoteName(ROW_COLUMN)} FROM (${source.select(rejects)}))${where}`,
  };
}

/**
 * The source with the same rows in the same order in every query. Only text files need numbers for that, which DuckDB gives on
 * one thread: the filter of {@link numberRows} must stay above the sql, which may compute with rows that it leaves out.
 * @throws ConfigError if the sql of the source does not keep the order of rows
 */
export async function sameRows(duck: Duck, source: Source, key: string): Promise<Source> {
  if (source.unread) return numberRows(duck, source, key);
  await refuseUnordered(duck, source, key);
  return source;
}

async function refuseUnordered(duck: Duck, source: Source, key: string): Promise<void> {
  const breaks = await orderBreak(duck, source.select(), source.where);
  if (breaks === undefined) return;
  throw new ConfigError({
    what: `${key} numbers the rows, but the sql of the source may return them in another order each time`,
    where: `${source.where}.sql`,
    got: `the operator ${breaks}`,
    expected: "a SELECT that computes columns and drops rows, without joins, groups, sorts and windows",
    next: "Write the rows of the sql to a file and use it as the source: COPY (SELECT …) TO 'rows.parquet' in DuckDB. To split, you can also name a column in data.split.by.",
  });
}
