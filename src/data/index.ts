import type { PreparedData } from "./pack/prepared.js";
import type * as prepare from "./prepare.js";

export type { ColumnSet } from "../columns/columns.js";
export type { PreparedData } from "./pack/prepared.js";
export type { PrepareOptions, PrepareProgress } from "./prepare.js";

/** {@link prepare.prepareData}. DuckDB is loaded by the first call, so a process that only serves never loads it. */
export async function prepareData(options: prepare.PrepareOptions): Promise<PreparedData> {
  const { prepareData } = await import("./prepare.js");
  return prepareData(options);
}
