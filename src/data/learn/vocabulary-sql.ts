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
  // The rule of table t is element t + 1 of a list: a condition for each table would cost their number for each value.
  const ofTable = (limits: readonly (number | undefined)[]) =>
    `[${limits.map((limit) => limit ?? "NULL").join(", ")}][t + 1]`;
  const isFrequent = `n >= ${ofTable(rules.map(({ minCount }) => minCount))}`;
  const maxSize = ofTable(rules.map(({ maxSize }) => maxSize));
  return `
    WITH counted AS (${countedSql(cells, training)}),
    frequent AS (SELECT * FROM counted WHERE v <> '' AND NOT ${isRefusedSql("v")} AND ${isFrequent}),
    placed AS (SELECT *, row_number() OVER (PARTITION BY t ORDER BY n DESC, v) AS place FROM frequent)
    SELECT t, v FROM placed WHERE place <= coalesce(${maxSize}, place) ORDER BY t, place`;
}

/** Grouping sets are the fastest way to count few columns, but cost the square of their number. */
const MOST_SETS = 32;

/** SQL for (t, v, n): how often each value of each table occurs. */
function countedSql(cells: readonly VocabularyCell[], training: string): string {
  const readers = new Map<number, number>();
  for (const { table } of cells) readers.set(table, (readers.get(table) ?? 0) + 1);
  const single = cells.filter(({ table, wire }) => wire.reads === "text" && readers.get(table) === 1);
  const alone = single.length > MOST_SETS ? [] : single;
  const shared = cells.filter((cell) => !alone.includes(cell));
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

/** Tables with several columns, or lists: every value becomes a row of its own, with the number of its column. */
function countedTogether(cells: readonly VocabularyCell[], training: string): string {
  const lists = cells.map(({ wire }) => (wire.reads === "texts" ? wire.sql : `[${wire.sql}]`));
  const columns = `SELECT [${lists.join(", ")}] AS lists FROM (${training})`;
  const numbered = `SELECT generate_subscripts(lists, 1) AS cell, unnest(lists) AS list FROM (${columns})`;
  const tables = cells.map(({ table }) => table);
  return `
    SELECT [${tables.join(", ")}][cell] AS t, v, count(*) AS n
    FROM (SELECT cell, unnest(list) AS v FROM (${numbered})) WHERE v <> '' GROUP BY ALL`;
}
