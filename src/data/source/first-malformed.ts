import { DataError } from "../../errors.js";
import type { Duck } from "./duckdb.js";
import { type MalformedRow, NO_ROWS, newRejects } from "./rejects.js";
import type { Relation } from "./relation.js";

/** Files whose rows have to be complete: no quarantine counts those that are left out. */
export async function refuseMalformed(
  duck: Duck,
  relation: Pick<Relation, "select" | "unread">,
  where: string,
): Promise<void> {
  const malformed = await firstMalformed(duck, relation, where);
  if (malformed === undefined) return;
  throw new DataError({
    what: "a table besides that of the rows has rows that cannot be read",
    where,
    got: malformed,
    expected: "rows with a value of its type in each column",
    next: "Correct the rows, or compare the layout of the file with the options or keys that say how it is read.",
  });
}

/**
 * Reads the files of a relation to the end, and says how many rows are malformed and where the first is; `undefined` if
 * there is none.
 */
export async function firstMalformed(
  duck: Duck,
  relation: Pick<Relation, "select" | "unread">,
  where: string,
): Promise<string | undefined> {
  if (!relation.unread) return undefined;
  const rejects = newRejects();
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
