import type { FeatureConfig } from "../config/features.js";

/** Which columns a feature reads, and as what: all that fetching its raw values takes. */
export interface Reading {
  /** One column, or the columns of a cross. */
  readonly columns: readonly string[];
  /** The element's type; for an `integer` a NaN is a missing value, as in columns of ids that once passed a float. */
  readonly as: "text" | "number" | "integer";
  /** Lists of any length, which text holds with a separator. */
  readonly separator?: string;
  /** Lists of this length. */
  readonly length?: number;
}

export function readingOf(feature: FeatureConfig): Reading {
  const columns = [feature.column ?? feature.name];
  switch (feature.kind) {
    case "id":
      return { columns: feature.columns ?? columns, as: idElement(feature) };
    case "ids":
      return { columns, as: idElement(feature), separator: feature.separator };
    case "number":
      return { columns, as: "number", ...(feature.width > 1 && { length: feature.width }) };
  }
}

function idElement({ buckets }: { buckets?: number }): "text" | "integer" {
  return buckets === undefined ? "text" : "integer";
}
