import type { Demand } from "./demand.js";

/**
 * Columns of the same name, by the rules of SQL: capitals do not count. DuckDB would rename all but the first one, so nothing
 * may read such a name.
 */

/** The names that occur more than once. */
export function repeatedNames(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name.toLowerCase(), (counts.get(name.toLowerCase()) ?? 0) + 1);
  return names.filter((name) => counts.get(name.toLowerCase())! > 1);
}

/** The first of the names that a run reads. SQL reads a name if it has it as a word. */
export function readName({ wants, sql }: Demand, names: readonly string[]): string | undefined {
  const read = new Set(Array.from(wants.keys(), (name) => name.toLowerCase()));
  const text = sql.join("\n");
  return names.find((name) => read.has(name.toLowerCase()) || wordPattern(name).test(text));
}

function wordPattern(name: string): RegExp {
  return new RegExp(`(?<!\\w)${name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}(?!\\w)`, "i");
}
