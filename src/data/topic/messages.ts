import { writeFileSync } from "node:fs";
import type { Message } from "./topic-client.js";

/** Messages of a topic as rows of a file of JSON lines. */
export interface MessageRows {
  /** The messages that are rows, in the order of the lines. */
  readonly rows: readonly Message[];
  /** The other ones, and why. */
  readonly malformed: readonly { readonly message: Message; readonly reason: string }[];
}

/** Writes the messages that are JSON objects, one a line, by partition and offset. */
export function writeMessages(messages: readonly Message[], path: string): MessageRows {
  const ordered = [...messages].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  const reasons = ordered.map(({ value }) => whyMalformed(value));
  const rows = ordered.filter((_, i) => reasons[i] === undefined);
  writeFileSync(path, rows.map(({ value }) => `${lineOf(value!)}\n`).join(""));
  const malformed = ordered.flatMap((message, i) => {
    const reason = reasons[i];
    return reason === undefined ? [] : [{ message, reason }];
  });
  return { rows, malformed };
}

/** Line breaks stand between the parts of an object only: in a text, JSON writes them as escapes. */
const lineOf = (value: Buffer): string => value.toString("utf8").replaceAll(/[\r\n]/g, " ");

/** True if a message is a row. */
export const isRow = ({ value }: Message): boolean => whyMalformed(value) === undefined;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function whyMalformed(value: Buffer | null): string | undefined {
  if (value === null) return "malformed row: a message without a value";
  try {
    const parsed: unknown = JSON.parse(UTF8.decode(value));
    const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
    return isObject ? undefined : "malformed row: not a JSON object";
  } catch (error) {
    return error instanceof SyntaxError ? "malformed row: not JSON" : "malformed row: not UTF-8";
  }
}
