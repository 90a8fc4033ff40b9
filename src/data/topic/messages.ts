import { writeFileSync } from "node:fs";
import type { Message } from "./topic-client.js";

/** Messages of a topic as rows of a file of JSON lines. */
export interface MessageRows {
  /** The messages that are rows, in the order of the lines. */
  readonly rows: readonly Message[];
  /** The other ones, and why. */
  readonly malformed: readonly { readonly message: Message; readonly reason: string }[];
}

/**
 * Writes the messages that are JSON objects, one a line, by partition and offset.
 * @param columns what the rows must have: where no message has one of them, its value is missing
 */
export function writeMessages(
  messages: readonly Message[],
  path: string,
  columns: readonly string[],
): MessageRows {
  const ordered = [...messages].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  const reasons = ordered.map(({ value }) => whyMalformed(value));
  const rows = ordered.filter((_, i) => reasons[i] === undefined);
  const lines = rows.map(({ value }) => lineOf(value!));
  const absent = absentIn(lines, columns);
  if (absent.length > 0 && lines.length > 0) lines[0] = withMissing(lines[0], absent);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
  const malformed = ordered.flatMap((message, i) => {
    const reason = reasons[i];
    return reason === undefined ? [] : [{ message, reason }];
  });
  return { rows, malformed };
}

/** Line breaks stand between the parts of an object only: in a text, JSON writes them as escapes. */
const lineOf = (value: Buffer): string => value.toString("utf8").replaceAll(/[\r\n]/g, " ");

/** The columns that no object has; a key that differs in capitals is left to the reader of the file. */
function absentIn(lines: readonly string[], columns: readonly string[]): string[] {
  const absent = new Map(columns.map((name) => [name.toLowerCase(), name]));
  for (const line of lines) {
    if (absent.size === 0) break;
    for (const key of Object.keys(JSON.parse(line))) absent.delete(key.toLowerCase());
  }
  return [...absent.values()];
}

function withMissing(line: string, columns: readonly string[]): string {
  const rest = line.trim().slice(1).trim();
  const members = columns.map((name) => `${JSON.stringify(name)}:null`);
  return `{${members.join(",")}${rest === "}" ? "" : ","}${rest}`;
}

/** True if a message is a row. */
export const isRow = ({ value }: Message): boolean => whyMalformed(value) === undefined;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function whyMalformed(value: Buffer | null): string | undefined {
  if (value === null) return "malformed row: a message without a value";
  try {
    const text = UTF8.decode(value);
    const parsed: unknown = JSON.parse(text);
    const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
    if (!isObject) return "malformed row: not a JSON object";
    const key = repeatedKey(text);
    return key === undefined ? undefined : `malformed row: the key ${key} twice`;
  } catch (error) {
    return error instanceof SyntaxError ? "malformed row: not JSON" : "malformed row: not UTF-8";
  }
}

/** Texts, and what stands between them. The matcher remembers each repetition of a group, but not of a character. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g;

/** The first key that an object in a text of JSON has twice. Those of the outer object are columns: capitals do not count. */
function repeatedKey(text: string): string | undefined {
  /** The keys of each object that is open; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let isKey = false;
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === "{" || token === "[") open.push(token === "{" ? new Set() : undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (isKey && token[0] === '"') {
      const key: string = JSON.parse(token);
      const name = open.length === 1 ? key.toLowerCase() : key;
      if (open.at(-1)!.has(name)) return key;
      open.at(-1)!.add(name);
    }
    isKey = token === "{" || (token === "," && open.at(-1) !== undefined);
  }
  return undefined;
}
