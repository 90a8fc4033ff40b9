import type { DataConfig } from "../data-config.js";
import type { Duck } from "../source/duckdb.js";
import type { Source } from "../source/source.js";
import type { SourceFiles } from "../source/source-files.js";
import { firstPoint, openCursor } from "./cursor.js";
import { readFiles } from "./files.js";
import { type ReaderPosition, START } from "./position.js";

/**
 * What the first training reads of the source that feeds its training split: all of it, whatever split a row belongs to, so
 * that no later stretch trains on rows that `eval` measures on.
 */
export async function firstPosition(
  duck: Duck,
  { cursor: column, continue: other, source: whole, train }: DataConfig,
  { paths, identity }: SourceFiles,
  source: Source,
): Promise<ReaderPosition> {
  if (column !== undefined) {
    const point = await firstPoint(duck, await openCursor(duck, source, column));
    const { rows, equal, ...value } = point;
    // Late rows are counted in the source in which the point was found.
    return { ...START, cursor: other ? value : point };
  }
  if ((whole ?? train)!.rows) return START;
  return { ...START, files: await readFiles(identity.slice(0, paths.length)) };
}
