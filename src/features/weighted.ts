import { entriesOf, hasRepeatedKey } from "./inputs.js";
import { isList, listValue } from "./values.js";

/** An id of a bag and its weight, both raw; the default weight is 1. */
export interface WeightedId {
  readonly id: unknown;
  readonly weight: unknown;
}

/**
 * Parses a weighted feature's value: texts `id:weight`, one text with several, a map from ids to weights, a list of
 * texts or of `{ key, value }`, or a single id. Returns `undefined` for a missing value.
 */
export function weightedIds(value: unknown, separator: string): readonly WeightedId[] | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  if (typeof value === "string") return Array.from(listValue(value, separator)!, ofElement);
  if (isList(value)) return Array.from(value, ofElement);
  const entries = entriesOf(value);
  // A value that is no id refuses the row.
  if (!entries || hasRepeatedKey(entries)) return [ofElement(value)];
  return entries.map(([id, weight]) => ({ id, weight }));
}

function ofElement(element: unknown): WeightedId {
  if (typeof element === "string") return weightedText(element);
  if (typeof element === "object" && element !== null && "key" in element && "value" in element)
    return { id: element.key, weight: element.value };
  return { id: element, weight: 1 };
}

/** Ends as no weight does: the canonical text of a timestamp is an id. Also a regular expression of RE2, for SQL. */
export const TIME_AT_END = "T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$";
const timeAtEnd = new RegExp(TIME_AT_END);

/** Ids may contain colons, weights may not: the last colon separates them. */
export function weightedText(text: string): WeightedId {
  const at = timeAtEnd.test(text) ? -1 : text.lastIndexOf(":");
  return at < 0 ? { id: text, weight: 1 } : { id: text.slice(0, at), weight: text.slice(at + 1) };
}
