import type { FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { Input } from "../features/inputs.js";

type Row = Record<string, unknown>;

/** A row that the features can read, as far as they tell: for the examples of the documentation, and to try a model. */
export function exampleRow({ features, vocabularies }: FittedFeatures): Row {
  const row: Row = {};
  for (const feature of features)
    for (const [column, value] of valuesFor(feature, vocabularies)) row[column] ??= value;
  return row;
}

function valuesFor(
  feature: FittedFeature,
  vocabularies: FittedFeatures["vocabularies"],
): [string, unknown][] {
  const { reading } = feature;
  if (reading.derivation)
    return reading.derivation.inputs.flatMap((input): [string, unknown][] =>
      "column" in input ? [[input.column, INPUT_VALUES[input.as]]] : [],
    );
  if (feature.kind === "number") return [[reading.columns[0], numbers(feature.width)]];
  const ids = idsFor(feature, reading.columns.length, vocabularies);
  if (reading.weighted) return [[reading.columns[0], [{ key: ids[0], value: 1 }]]];
  return reading.columns.map((column, i) => [column, feature.kind === "ids" ? [ids[i]] : ids[i]]);
}

const INPUT_VALUES: Readonly<Record<Input["as"], unknown>> = {
  number: 1,
  text: "a",
  texts: ["a"],
  time: "2024-06-01",
};

const numbers = (width: number) => (width === 1 ? 1 : new Array(width).fill(1));

/** An id for each column of the feature. */
function idsFor(
  { mapping }: Exclude<FittedFeature, { kind: "number" }>,
  columns: number,
  vocabularies: FittedFeatures["vocabularies"],
): unknown[] {
  const known = mapping.kind === "vocabulary" ? vocabularies[mapping.vocabulary]?.[0] : undefined;
  // The parts of a cross are separated by U+0001.
  if (known !== undefined) return columns === 1 ? [known] : known.split("\u0001");
  if (mapping.kind === "hash") return new Array(columns).fill("a");
  return new Array(columns).fill(mapping.kind === "integer" ? 0 : 1);
}
