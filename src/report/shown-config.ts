import { count } from "../show-value.js";

/** A longer list in a config is data: rows, or a vocabulary. */
const LONGEST_LIST = 200;

/** A config without the rows and long lists in it, which would make a report as large as its data. */
export function withoutRows(value: unknown): unknown {
  if (Array.isArray(value))
    return value.length > LONGEST_LIST ? `${count(value.length)} values` : value.map(withoutRows);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [
    key,
    key === "rows" && Array.isArray(member) ? `${count(member.length)} rows` : withoutRows(member),
  ]);
  return Object.fromEntries(entries);
}
