import { canonicalText, refusalOfText } from "./canonical.js";
import { instantOf } from "./instant.js";
import { listOfText } from "./list-text.js";
import { Refusal, type RefusalCode } from "./refusal.js";
import type { InputSource } from "./schema/derived-fields.js";
import { isList, numberValue } from "./values.js";

/** The inputs of derived features. */

/** A resolved input of a derived feature. Plain JSON, saved with the fitted features. */
export type Input = InputOrigin & {
  /**
   * `texts`: a list of canonical texts, from a list, a map (as `key:value`, or of maps as `key^inner:value,…`), a text
   * split at `separator`, or a single value. `lists`: a list of lists of canonical texts, missing ones left out. `time`: milliseconds
   * since 1970.
   */
  readonly as: "number" | "text" | "texts" | "lists" | "time";
  readonly separator: string;
  /** With `lists`: separates the elements of an inner list given as text. */
  readonly inner?: string;
  /** With `time`: what numbers are. */
  readonly unit?: "seconds" | "milliseconds";
};
type InputOrigin =
  | { readonly column: string }
  | { readonly feature: string }
  | { readonly constant: string | number };

/**
 * The value of an input in one row; `undefined` if it is missing. Missing elements of `texts` become empty texts, so
 * that the other elements keep their positions.
 */
export type InputValue = number | string | readonly string[] | readonly (readonly string[])[] | undefined;

export function inputOf(source: InputSource, as: Input["as"], separator: string): Input {
  if (typeof source === "string") return { column: source, as, separator };
  if ("feature" in source) return { feature: source.feature, as, separator };
  if ("constant" in source) return { constant: source.constant, as, separator };
  return { column: source.column, as, separator: source.separator ?? separator };
}

/** Marks a refused row. */
export class Refused {
  constructor(readonly code: RefusalCode) {}
}

/** Converts a raw value from JavaScript or DuckDB to the value that a derived feature reads. */
export function inputReader({
  as,
  separator,
  inner = separator,
  unit,
}: Input): (value: unknown) => InputValue | Refused {
  switch (as) {
    case "number":
      return numberValue;
    case "text":
      return (value) => orRefused(canonicalText(value));
    case "texts":
      return (value) => textsOf(value, separator);
    case "lists":
      return (value) => listsOf(value, separator, inner);
    case "time":
      return (value) => timeOf(value, unit);
  }
}

function orRefused(text: string | undefined): string | undefined | Refused {
  const refusal = text === undefined ? 0 : refusalOfText(text);
  return refusal === 0 ? text : new Refused(refusal as RefusalCode);
}

function textsOf(value: unknown, separator: string): readonly string[] | undefined | Refused {
  if (typeof value === "string") {
    if (value === "") return undefined;
    if (refusalOfText(value) !== 0) return orRefused(value) as Refused;
    return canonicalTexts(listOfText(value, separator));
  }
  if (value === undefined || value === null) return undefined;
  if (isList(value)) return canonicalTexts(Array.from(value));
  const entries = entriesOf(value);
  if (entries === undefined) return canonicalText(value) === undefined ? undefined : canonicalTexts([value]);
  if (hasRepeatedKey(entries)) return repeatedKey;
  const texts = entries.map(([key, item]) => entryText(key, item));
  return texts.find((text) => text instanceof Refused) ?? (texts as string[]);
}

/** A list of lists, also as JSON, or a text with entries between separators, each with elements between `inner`. */
function listsOf(
  value: unknown,
  separator: string,
  inner: string,
): readonly (readonly string[])[] | undefined | Refused {
  if (value === undefined || value === null || value === "") return undefined;
  const given = typeof value === "string" ? (jsonList(value) ?? value.split(separator)) : value;
  const lists = (isList(given) ? Array.from(given) : [given]).map((entry) => textsOf(entry, inner) ?? []);
  const refused = lists.find((list) => list instanceof Refused);
  return refused ?? (lists as (readonly string[])[]).map((list) => list.filter((text) => text !== ""));
}

function jsonList(text: string): readonly unknown[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An entry of a map as `key:value`, of a map of maps as `key^inner:value,inner:value`. */
function entryText(key: unknown, value: unknown): string | Refused {
  const entries = entriesOf(value);
  if (entries && hasRepeatedKey(entries)) return repeatedKey;
  const inner = entries?.map(([name, item]) => canonicalTexts([name, item]));
  const refused = inner?.find((pair) => pair instanceof Refused);
  if (refused) return refused;
  const texts = canonicalTexts(inner ? [key] : [key, value]);
  if (texts instanceof Refused) return texts;
  return inner
    ? `${texts[0]}^${inner.map((pair) => (pair as string[]).join(":")).join(",")}`
    : texts.join(":");
}

const notTime = new Refused(Refusal.notTime);
const repeatedKey = new Refused(Refusal.wrongType);
/** The latest time of a JavaScript Date, in milliseconds. */
const LATEST = 8.64e15;

/** Milliseconds since 1970, rounded down. */
function timeOf(value: unknown, unit: Input["unit"]): number | undefined | Refused {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "number" && !Number.isFinite(value)) return undefined;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.getTime();
  const instant = typeof value === "string" ? instantOf(value) : Number.NaN;
  const time = Number.isNaN(instant) ? numberedTime(value, unit) : instant;
  return Math.abs(time) <= LATEST ? Math.floor(time) : notTime;
}

function numberedTime(value: unknown, unit: Input["unit"]): number {
  const isTruth = typeof value === "boolean" || (typeof value === "string" && !/\d/.test(value));
  const number = isTruth || !unit ? Number.NaN : (numberValue(value) ?? Number.NaN);
  return unit === "seconds" ? number * 1000 : number;
}

function canonicalTexts(values: readonly unknown[]): readonly string[] | Refused {
  const texts = values.map((value) => orRefused(canonicalText(value)) ?? "");
  return texts.find((text) => text instanceof Refused) ?? (texts as string[]);
}

/** True for the entries of a Map with two keys of the same text, such as 1 and "1". Objects of JSON have no such keys. */
export function hasRepeatedKey(entries: readonly (readonly [unknown, unknown])[]): boolean {
  return new Set(entries.map(([key]) => canonicalText(key))).size < entries.length;
}

/** The entries of a Map or plain object; `undefined` for any other value. */
export function entriesOf(value: unknown): [unknown, unknown][] | undefined {
  if (value instanceof Map) return [...value];
  if (typeof value !== "object" || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined;
}
