import type { Derivation } from "./kinds/define-kind.js";
import { derivationOf, inputColumns } from "./kinds/index.js";
import { type FeatureConfig, isDerived, type PlainFeatureConfig, plainOf } from "./schema/features.js";

/** The columns that a feature reads and their types; enough to fetch its raw values. */
export interface Reading {
  /** One column, the columns of a cross, or the inputs of a computed value. */
  readonly columns: readonly string[];
  /** The element type. With `integer`, NaN is a missing value, as in id columns once stored as floats. */
  readonly as: "text" | "number" | "integer";
  /** Set for a number that is missing where a text is none. */
  readonly imputes?: true;
  /** How to split text into a list, of any length or of `length`. */
  readonly separator?: string;
  /** Set for lists of weighted ids, see {@link weightedIds}. */
  readonly weighted?: true;
  /** Set for lists of fixed length. */
  readonly length?: number;
  /** How to compute the value; absent if the feature reads the column itself. */
  readonly derivation?: Derivation;
}

export function readingOf(feature: FeatureConfig): Reading {
  const plain = plainReading(plainOf(feature));
  if (!isDerived(feature)) return plain;
  const derivation = derivationOf(feature);
  const { imputes: _, ...reading } = plain;
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
        as: feature.number ? "number" : idElement(feature),
        separator: feature.separator,
        ...(feature.weighted && { weighted: true as const }),
      };
    case "number": {
      const { width, separator = "," } = feature;
      if (width > 1) return { columns, as: "number", length: width, separator };
      const imputes = feature.nonFinite === "impute" && feature.missing !== "refuse";
      return { columns, as: "number", ...(imputes && { imputes }) };
    }
  }
}

function idElement({ buckets }: { buckets?: number }): "text" | "integer" {
  return buckets === undefined ? "text" : "integer";
}
