import type { FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { Input } from "../features/inputs.js";

/** A feature that reads a column: itself, as one of several of a cross, or as an input of its computed value. */
export interface ReadColumn {
  readonly feature: FittedFeature;
  /** Of several columns, which one. */
  readonly place: number;
  /** Of a computed value, how the column is read. */
  readonly as?: Input["as"];
}

/** Who reads each column, in the order of the features. */
export function readColumns({ features }: FittedFeatures): Map<string, ReadColumn[]> {
  const readers = new Map<string, ReadColumn[]>();
  const add = (column: string, read: ReadColumn) =>
    readers.set(column, [...(readers.get(column) ?? []), read]);
  for (const feature of features) {
    const { columns, derivation } = feature.reading;
    if (!derivation) columns.forEach((column, place) => void add(column, { feature, place }));
    derivation?.inputs.forEach((input, place) => {
      if ("column" in input) add(input.column, { feature, place, as: input.as });
    });
  }
  return readers;
}
