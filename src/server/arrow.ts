import { columnFromArray, tableFromColumns, tableFromIPC, tableToIPC } from "@uwdata/flechette";
import { DataError, messageOf } from "../errors.js";
import type { RankedItem } from "../serve/rank.js";
import { parseUntrusted } from "../untrusted.js";
import { tooManyRows } from "./refusals.js";

/** The media type of a stream of Arrow. */
export const ARROW = "application/vnd.apache.arrow.stream";

/** A body of Arrow: the columns of the rows or items, and what the metadata of the schema says as JSON (`user`, `context`, `k`, `by`). */
export class ArrowBody {
  constructor(
    readonly columns: Readonly<Record<string, ArrayLike<unknown>>>,
    readonly request: Readonly<Record<string, unknown>>,
  ) {}
}

/** @throws DataError if it is no stream of Arrow, RequestError if it has too many rows */
export function parseArrow(bytes: Buffer, mostRows: number): ArrowBody {
  const table = attempt(() => tableFromIPC(bytes, { useBigInt: true, useDate: true }));
  if (table.numRows > mostRows) throw tooManyRows(table.numRows, mostRows);
  return attempt(
    () =>
      new ArrowBody(
        Object.fromEntries(table.schema.fields.map(({ name }, i) => [name, table.getChildAt(i).toArray()])),
        Object.fromEntries([...(table.schema.metadata ?? [])].flatMap(memberOf)),
      ),
  );
}

export function arrowOfScores(scores: Readonly<Record<string, Float32Array>>): Uint8Array {
  const columns = Object.entries(scores).map(([name, values]) => [name, columnFromArray(values)]);
  return tableToIPC(tableFromColumns(Object.fromEntries(columns)), { format: "stream" })!;
}

export function arrowOfItems(items: readonly RankedItem[]): Uint8Array {
  const index = columnFromArray(Int32Array.from(items, (item) => item.index));
  const score = columnFromArray(Float32Array.from(items, (item) => item.score));
  return tableToIPC(tableFromColumns({ index, score }), { format: "stream" })!;
}

const MEMBERS = ["user", "context", "k", "by"];

function memberOf([name, text]: [string, string]): [string, unknown][] {
  return MEMBERS.includes(name) ? [[name, parseUntrusted(text)]] : [];
}

/** The reader trusts its bytes: what it throws is the fault of the body. */
function attempt<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new DataError({
      what: "the body is not a stream of Arrow that can be read",
      where: "the body",
      got: messageOf(error),
      expected: "a schema and record batches",
      next: "Write the table as an IPC stream, not as a file, and without compression.",
    });
  }
}
