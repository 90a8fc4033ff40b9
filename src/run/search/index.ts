import type * as lazy from "./search.js";

export type { SearchOptions, SearchReport } from "./search.js";
export type { SearchEvent } from "./search-event.js";

/** {@link lazy.search}. What only a search needs, DuckDB included, is loaded by the first call. */
export async function search(written: unknown, options: lazy.SearchOptions): Promise<lazy.SearchReport> {
  const { search } = await import("./search.js");
  return search(written, options);
}
