const MOST_ENTRIES = 100;
const MOST_CHARACTERS = 120;

/** Formats any value as a short text for an error. Never throws. */
export function showValue(value: unknown): string {
  const text = value === undefined ? "nothing" : safely(() => textOf(value, []), typeof value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 3)}...` : text;
}

/** Uses JSON if possible, else the text that JavaScript gives. */
function textOf(value: unknown, outer: readonly object[]): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (outer.includes(value)) return "[circular]";
  if (value instanceof Date) return value.toJSON() ?? "an invalid date";
  const inner = (item: unknown) => textOf(item, [...outer, value]);
  if (value instanceof Map) return `Map${inner([...value].slice(0, MOST_ENTRIES))}`;
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView)))
    return `[${Array.from((value as unknown[]).slice(0, MOST_ENTRIES), inner).join(",")}]`;
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${given.slice(0, MOST_ENTRIES).map(([key, item]) => `${JSON.stringify(key)}:${inner(item)}`)}}`;
}

/** `2,300,000` */
export const count = (value: number): string => value.toLocaleString("en-US");

/** A getter or a proxy may throw. */
function safely(show: () => string, otherwise: string): string {
  try {
    return show();
  } catch {
    return `(${otherwise})`;
  }
}
