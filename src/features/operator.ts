import type { InputValue } from "./inputs.js";

/**
 * The computation of a derived feature over a batch of rows: takes one column per input and returns one value per row.
 * A value has a type that a source row may hold (number, text, list), or is `undefined` if it is missing.
 */
export type Operator = (inputs: readonly (readonly InputValue[])[], rows: number) => readonly unknown[];

/** Makes an operator from a function of one row. */
export function rowwise(apply: (...values: readonly InputValue[]) => unknown): Operator {
  return (inputs, rows) =>
    Array.from({ length: rows }, (_, r) => apply(...inputs.map((column) => column[r])));
}

/** The non-empty texts of a `texts` input; none if it is missing. */
export function presentTexts(value: InputValue): readonly string[] {
  return ((value ?? []) as readonly string[]).filter((text) => text !== "");
}

export type Combiner = "sum" | "mean" | "min" | "max" | "count";

/** Reduces several numbers to one; `undefined` if there are none. */
export function combine(values: readonly number[], combiner: Combiner): number | undefined {
  if (values.length === 0) return undefined;
  switch (combiner) {
    case "sum":
      return sum(values);
    case "mean":
      return sum(values) / values.length;
    case "min":
      return Math.min(...values);
    case "max":
      return Math.max(...values);
    case "count":
      return values.length;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
