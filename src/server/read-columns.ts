import type { FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { Input } from "../features/inputs.js";

/** A column that a feature reads: itself, as one of several of a cross, or as an input of its computed value. */
export interface ReadColumn {
  readonly column: string;
  readonly feature: FittedFeature;
  /** Of several columns, which one. */
  readonly place: number;
  /** Of a computed value, how the column is read. */
  readonly as?: Input["as"];
}

/** The columns that the features read, one after the other; a column is there for each feature that reads it. */
export function readColumns({ features }: FittedFeatures): ReadColumn[] {
  return features.flatMap((feature): ReadColumn[] => {
    const { columns, derivation } = feature.reading;
    if (!derivation) return columns.map((column, place) => ({ column, feature, place }));
    return derivation.inputs.flatMap((input, place) =>
      "column" in input ? [{ column: input.column, feature, place, as: input.as }] : [],
    );
  });
}
