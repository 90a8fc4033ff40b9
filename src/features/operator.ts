import type { InputValue } from "./inputs.js";

/**
 * The computation of a derived feature over a batch of rows: a column an input, to one value a row. A value is what a
 * row of a source may hold: a number, a text, a list, or `undefined` where it is missing.
 */
export type Operator = (inputs: readonly (readonly InputValue[])[], rows: number) => readonly unknown[];

/** An operator from a function of one row. */
export function rowwise(apply: (...values: readonly InputValue[]) => unknown): Operator {
  return (inputs, rows) =>
    Array.from({ length: rows }, (_, r) => apply(...inputs.map((column) => column[r])));
}

/** The texts of an input that is read as such, without the empty ones; none where it is missing. */
export function presentTexts(value: InputValue): readonly string[] {
  return ((value ?? []) as readonly string[]).filter((text) => text !== "");
}

export type Combiner = "sum" | "mean" | "min" | "max";

/** Several numbers as one; `undefined` where there is none. */
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
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
