import type { FittedFeature, FittedFeatures } from "./fitted.js";

/**
 * Features whose vocabularies have more values: they get the rows after those of the known values. The rows for unknown and
 * missing values stay the last ones of their table.
 * @param added new values by table, in row order
 */
export function withValues(
  fitted: FittedFeatures,
  added: ReadonlyMap<string, readonly string[]>,
): FittedFeatures {
  const vocabularies = Object.entries(fitted.vocabularies).map(([table, values]) => [
    table,
    [...values, ...(added.get(table) ?? [])],
  ]);
  return {
    ...fitted,
    features: fitted.features.map((feature) => grown(feature, fitted, added)),
    vocabularies: Object.fromEntries(vocabularies),
  };
}

function grown(
  feature: FittedFeature,
  { vocabularies }: FittedFeatures,
  added: ReadonlyMap<string, readonly string[]>,
): FittedFeature {
  if (feature.kind === "number" || feature.mapping.kind !== "vocabulary") return feature;
  const { mapping, table, rows } = feature;
  const known = vocabularies[mapping.vocabulary].length;
  const more = added.get(table)?.length ?? 0;
  const moved = <T>(row: T) => (typeof row === "number" && row >= known ? row + more : row) as T;
  const base = { rows: rows + more, mapping: { ...mapping, unknownRow: moved(mapping.unknownRow) } };
  if (feature.kind === "id") return { ...feature, ...base, missingRow: moved(feature.missingRow) };
  const { sequence, missing } = feature;
  const entries = sequence && { sequence: { ...sequence, missingEntry: moved(sequence.missingEntry) } };
  return { ...feature, ...base, missing: moved(missing), ...entries };
}
