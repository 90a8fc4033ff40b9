import { DataError } from "../../errors.js";
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

/** True if DuckDB may have given one of the columns its name: `x_1` for the second `x`. */
export function mayBeRenamed(names: readonly string[]): boolean {
  const all = new Set(names.map((name) => name.toLowerCase()));
  return names.some((name) => /_\d+$/.test(name) && all.has(name.replace(/_\d+$/, "").toLowerCase()));
}

/** @param places where the columns are, for the message */
export function sameName(name: string, places: readonly string[], where: string, next: string): DataError {
  return new DataError({
    what: `several columns have the name ${name}, so it is not clear which one to read`,
    where: `${where}.path`,
    got: places.slice(0, 3).join(", "),
    expected: "names that differ, not only in capitals",
    next,
  });
}

function wordPattern(name: string): RegExp {
  return new RegExp(`(?<!\\w)${name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}(?!\\w)`, "i");
}
