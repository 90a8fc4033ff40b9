import { z } from "zod";
import type { Duck } from "./duckdb.js";

const count = z.int().min(0);

/** How many of the keys of rows a table of events has. */
export const historyKeysSchema = z.object({
  /** The column of the key. */
  by: z.string(),
  /** Different keys of the rows. */
  keys: count,
  /** Of them, those that have events of any time. */
  found: count,
  /** A key that only the rows have, and one that only the events have, where there are both. */
  example: z.object({ rows: z.string(), events: z.string() }).optional(),
});
export type HistoryKeys = z.infer<typeof historyKeysSchema>;

/**
 * @param rows a table with the column `@key`
 * @param events another one
 */
export async function historyKeys(
  duck: Duck,
  by: string,
  { rows, events }: { readonly rows: string; readonly events: string },
  where: string,
): Promise<HistoryKeys> {
  const keysOf = (table: string) => `SELECT DISTINCT "@key" FROM ${table} WHERE "@key" IS NOT NULL`;
  const [[keys, found, row, event]] = await duck.rows(
    `SELECT count(r."@key"), count(*) FILTER (r."@key" = e."@key"), min(r."@key") FILTER (e."@key" IS NULL),
      min(e."@key") FILTER (r."@key" IS NULL)
    FROM (${keysOf(rows)}) r FULL JOIN (${keysOf(events)}) e USING ("@key")`,
    where,
  );
  const example = row !== null && event !== null && { example: { rows: row, events: event } };
  return { by, keys: Number(keys), found: Number(found), ...example };
}
