import { isRefusedSql } from "../../features/canonical.js";
import type { Wire } from "../source/column-query.js";

export interface VocabularyRule {
  readonly minCount: number;
  readonly maxSize?: number;
}

/** A column and the index of the table that its values belong to. */
export interface VocabularyCell {
  readonly table: number;
  readonly wire: Wire;
}

/**
 * SQL for (table, value), ordered by table and count. Ties are ordered by the bytes of the value, so the rows do not depend
 * on the order of aggregation.
 *
 * @param rules one per table
 * @param training a SELECT of the rows to count
 */
export function vocabularySql(
  cells: readonly VocabularyCell[],
  rules: readonly VocabularyRule[],
  training: string,
): string {
  const oftenEnough = rules.map(({ minCount }, t) => `(t = ${t} AND n >= ${minCount})`);
  const largest = rules.flatMap(({ maxSize }, t) =>
    maxSize === undefined ? [] : [`NOT (t = ${t} AND place > ${maxSize})`],
  );
  return `
    WITH counted AS (${countedSql(cells, training)}),
    frequent AS (SELECT * FROM counted WHERE v <> '' AND NOT ${isRefusedSql("v")} AND (${oftenEnough.join(" OR ")})),
    placed AS (SELECT *, row_number() OVER (PARTITION BY t ORDER BY n DESC, v) AS place FROM frequent)
    SELECT t, v FROM placed ${largest.length > 0 ? `WHERE ${largest.join(" AND ")}` : ""} ORDER BY t, place`;
}

/** SQL for (t, v, n): how often each value of each table occurs. */
function countedSql(cells: readonly VocabularyCell[], training: string): string {
  const isAlone = ({ table, wire }: VocabularyCell) =>
    wire.reads === "text" && cells.filter((cell) => cell.table === table).length === 1;
  const alone = cells.filter(isAlone);
  const shared = cells.filter((cell) => !isAlone(cell));
  return [
    ...(alone.length > 0 ? [countedAlone(alone, training)] : []),
    ...(shared.length > 0 ? [countedTogether(shared, training)] : []),
  ].join(" UNION ALL ");
}

/** Tables with one column each: one scan counts every column separately. */
function countedAlone(cells: readonly VocabularyCell[], training: string): string {
  const columns = cells.map((_, i) => `c${i}`);
  const values = cells.map(({ wire }, i) => `${wire.sql} AS c${i}`);
  // In the grouping set of one column, all others are null.
  const tables = cells.map(({ table }, i) => `WHEN c${i} IS NOT NULL THEN ${table}`);
  const sets = columns.map((column) => `(${column})`);
  return `
    SELECT CASE ${tables.join(" ")} END AS t, coalesce(${columns.join(", ")}) AS v, count(*) AS n
    FROM (SELECT ${values.join(", ")} FROM (${training})) GROUP BY GROUPING SETS (${sets.join(", ")})`;
}

/** Tables with several columns, or lists: every cell becomes a row of its own. */
function countedTogether(cells: readonly VocabularyCell[], training: string): string {
  const ones = cells.filter(({ wire }) => wire.reads === "text");
  const bags = cells.filter(({ wire }) => wire.reads === "texts");
  const tables = concatSql(
    ones.map(({ table }) => `${table}`),
    bags.map(({ table, wire }) => `list_transform(${wire.sql}, lambda v: ${table})`),
  );
  const values = concatSql(
    ones.map(({ wire }) => wire.sql),
    bags.map(({ wire }) => wire.sql),
  );
  return `
    SELECT t, v, count(*) AS n
    FROM (SELECT unnest(${tables}) AS t, unnest(${values}) AS v FROM (${training})) WHERE v <> '' GROUP BY ALL`;
}

function concatSql(elements: readonly string[], lists: readonly string[]): string {
  if (lists.length === 0) return `[${elements.join(", ")}]`;
  return `list_concat([${elements.join(", ")}], ${lists.join(", ")})`;
}
