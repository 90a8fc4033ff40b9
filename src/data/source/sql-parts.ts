import { ConfigError } from "../../errors.js";
import { nameOfTable } from "./sql-files.js";
import type { Node } from "./sql-tree.js";

/** A part of a SQL text, in characters, and a text in its place. */
export interface SqlPart {
  readonly begin: number;
  readonly end: number;
  readonly text: string;
}

/** SQL with other texts in the places of some of its parts. */
export function withParts(sql: string, parts: readonly SqlPart[]): string {
  const ordered = [...parts].sort((a, b) => a.begin - b.begin);
  const kept = ordered.map(({ begin, text }, i) => sql.slice(ordered[i - 1]?.end ?? 0, begin) + text);
  return kept.join("") + sql.slice(ordered.at(-1)?.end ?? 0);
}

/** Where the name of a table or the call of a table function is written, from the place of its begin in the syntax tree. */
export function placeOf(sql: string, node: Node, where: string): { begin: number; end: number } {
  // In bytes.
  const begin = Buffer.from(sql)
    .subarray(0, node.query_location as number)
    .toString().length;
  const takesOnlyNames = /\b(table|summarize|describe|desc|show)\s+$/i.test(sql.slice(0, begin));
  const end = node.type === "BASE_TABLE" ? endOfName(sql, begin, nameOfTable(node)) : endOfCall(sql, begin);
  if (end !== undefined && !takesOnlyNames) return { begin, end };
  throw new ConfigError({
    what: "a SELECT cannot stand here in place of the name of a file",
    where,
    got: sql,
    expected: "FROM or JOIN in front of the name of a file",
    next: "Write FROM 'items.csv', also after SUMMARIZE and DESCRIBE.",
  });
}

const QUOTED = `'(?:[^']|'')*'|"(?:[^"]|"")*"`;
const NAME = `(?:${QUOTED}|[\\p{L}\\p{N}_$]+)`;
const DOTTED = new RegExp(`${NAME}(?:\\s*\\.\\s*${NAME})*`, "uy");

function endOfName(sql: string, begin: number, name: string): number | undefined {
  DOTTED.lastIndex = begin;
  const [found] = DOTTED.exec(sql) ?? [];
  const parts = found?.match(new RegExp(NAME, "gu"))?.map(withoutQuotes).join(".");
  return found !== undefined && parts === name ? begin + found.length : undefined;
}

const withoutQuotes = (part: string) =>
  /^['"]/.test(part) ? part.slice(1, -1).replaceAll(part[0].repeat(2), part[0]) : part;

/** Texts, quoted names and comments, in which brackets do not count, and brackets. */
const TOKEN = new RegExp(
  `[eE]'(?:[^'\\\\]|\\\\.|'')*'|${QUOTED}|\\$(\\w*)\\$.*?\\$\\1\\$|--[^\\n]*|/\\*.*?\\*/|[()]`,
  "gsu",
);

function endOfCall(sql: string, begin: number): number | undefined {
  let depth = 0;
  TOKEN.lastIndex = begin;
  for (let token = TOKEN.exec(sql); token; token = TOKEN.exec(sql)) {
    if (token[0] === "(") depth++;
    if (token[0] === ")" && --depth === 0) return TOKEN.lastIndex;
  }
  return undefined;
}
