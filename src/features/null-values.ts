import { isList, listValue, vectorValue } from "./values.js";
import { weightedText } from "./weighted.js";

/** How a value is split into a list. */
export interface ListForm {
  readonly separator?: string;
  /** Set for lists of numbers. */
  readonly length?: number;
  readonly weighted?: true;
}

/**
 * A list in which the texts that mean missing are `null`. Keys of maps always mean themselves. The same rule as for the
 * lists of files.
 */
export function presentElements(value: unknown, form: ListForm, nulls: ReadonlySet<unknown>): unknown {
  const { separator = ",", length, weighted } = form;
  if (value === "" || (typeof value !== "string" && !isList(value))) return value;
  const list = length === undefined ? listValue(value, separator) : vectorValue(value, separator);
  const present = (element: unknown): unknown => {
    if (isList(element)) return Array.from(element, present);
    return nulls.has(element) ? null : element;
  };
  const presentPair = (element: unknown) => {
    if (typeof element !== "string") return element;
    const { id, weight } = weightedText(element);
    return { key: present(id), value: weight };
  };
  return isList(list) ? Array.from(list, weighted ? presentPair : present) : list;
}
