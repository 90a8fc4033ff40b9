import type { Derivation } from "./kinds/define-kind.js";
import { derivationOf, inputColumns } from "./kinds/index.js";
import { type FeatureConfig, isDerived, type PlainFeatureConfig, plainOf } from "./schema/features.js";

/** Which columns a feature reads, and as what: all that fetching its raw values takes. */
export interface Reading {
  /** One column, the columns of a cross, or those that a computed value takes. */
  readonly columns: readonly string[];
  /** The element's type; for an `integer` a NaN is a missing value, as in columns of ids that once passed a float. */
  readonly as: "text" | "number" | "integer";
  /** What text holds a list with: of any length, or of `length`. */
  readonly separator?: string;
  /** Lists of ids with weights, see {@link weightedIds}. */
  readonly weighted?: true;
  /** Lists of this length. */
  readonly length?: number;
  /** How the value is computed; without it, it is the column's. */
  readonly derivation?: Derivation;
}

export function readingOf(feature: FeatureConfig): Reading {
  const reading = plainReading(plainOf(feature));
  if (!isDerived(feature)) return reading;
  const derivation = derivationOf(feature);
  return { ...reading, columns: inputColumns(derivation), derivation };
}

function plainReading(feature: PlainFeatureConfig): Reading {
  const columns = [feature.column ?? feature.name];
  switch (feature.kind) {
    case "id":
      return { columns: feature.columns ?? columns, as: idElement(feature) };
    case "ids":
      return {
        columns,
        as: idElement(feature),
        separator: feature.separator,
        ...(feature.weighted && { weighted: true as const }),
      };
    case "number": {
      const { width, separator = "," } = feature;
      return { columns, as: "number", ...(width > 1 && { length: width, separator }) };
    }
  }
}

function idElement({ buckets }: { buckets?: number }): "text" | "integer" {
  return buckets === undefined ? "text" : "integer";
}
