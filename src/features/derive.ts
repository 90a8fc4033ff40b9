import type { FittedFeatures } from "./fitted.js";
import { type InputValue, inputReader, Refused } from "./inputs.js";
import type { Derivation, Learned } from "./kinds/define-kind.js";
import { compileOperator } from "./kinds/index.js";
import { readingOrder } from "./schema/reading-order.js";

/** Derived features: values computed from columns and other features, by the same function in packing and serving. */

/**
 * Compiles a derivation to a function that takes one raw column per input and returns one raw value per row, or {@link
 * Refused} for a row with an unreadable input.
 */
export function compileDerivation(
  derivation: Derivation,
  learned: Learned,
): (inputs: readonly (readonly unknown[])[], rows: number) => readonly unknown[] {
  const operator = compileOperator(derivation, learned);
  const readers = derivation.inputs.map(inputReader);
  return (inputs, rows) => {
    const refused = new Map<number, Refused>();
    const columns = inputs.map((column, i) =>
      Array.from(column, (raw, row): InputValue => {
        const value = readers[i](raw);
        if (!(value instanceof Refused)) return value;
        refused.set(row, value);
        return undefined;
      }),
    );
    const values = operator(columns, rows);
    return refused.size === 0 ? values : values.map((value, row) => refused.get(row) ?? value);
  };
}

/** The names of features that are inputs of other features. */
export function inputNames({ features }: FittedFeatures): Set<string> {
  const inputs = features.flatMap(({ reading }) => reading.derivation?.inputs ?? []);
  return new Set(inputs.flatMap((input) => ("feature" in input ? [input.feature] : [])));
}

/** Feature indices in evaluation order: each feature after its inputs, otherwise in config order. */
export function evaluationOrder({ features }: FittedFeatures): number[] {
  const indexOf = new Map(features.map(({ name }, i) => [name, i]));
  const reads = features.map(({ reading }) =>
    (reading.derivation?.inputs ?? []).flatMap((input) =>
      "feature" in input ? [indexOf.get(input.feature)!] : [],
    ),
  );
  return readingOrder(reads).order;
}
