import type { Duck } from "./duckdb.js";
import { type MalformedRow, NO_ROWS } from "./rejects.js";
import type { Relation } from "./relation.js";

/**
 * Reads the files of a relation to the end, and says how many rows are malformed and where the first is; `undefined` if
 * there is none.
 * @param rejects a name for the tables of malformed rows, which must be new in the database
 */
export async function firstMalformed(
  duck: Duck,
  relation: Relation,
  rejects: string,
  where: string,
): Promise<string | undefined> {
  if (!relation.unread) return undefined;
  // A row is malformed only for queries that read the malformed column.
  await duck.rows(`SELECT bit_xor(hash(r)) FROM (${relation.select(rejects)}) r`, where);
  let rows = 0;
  let first: MalformedRow | undefined;
  const { malformed } = await relation.unread(rejects, NO_ROWS);
  for await (const row of malformed) {
    first ??= row;
    rows++;
  }
  return first && `${rows} malformed rows; the first: ${first.file}, line ${first.line}: ${first.reason}`;
}
