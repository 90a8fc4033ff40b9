import { packRows } from "../features/encoder.js";
import type { FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { Input } from "../features/inputs.js";
import { ownValue } from "../own-value.js";
import type { Predictor } from "../serve/predictor.js";
import { type ReadColumn, readColumns } from "./read-columns.js";

type Row = Record<string, unknown>;

/** A row that the model can read, as far as its features tell: for the examples of the documentation, and to try a model. */
export function exampleRow({ features, rowColumns }: Predictor): Row {
  const readers = readColumns(features);
  const first = [...readers].map(([column, [read]]) => [column, valuesFor(read, features)[0]] as const);
  const row: Row = Object.fromEntries(first);
  for (const [column, all] of readers) {
    if (all.length === 1) continue;
    const together = { ...features, features: all.map(({ feature }) => feature) };
    const values = all.flatMap((read) => valuesFor(read, features)).sort(numbersFirst);
    const canRead = (value: unknown) => packRows(together, [{ ...row, [column]: value }]).bad.length === 0;
    row[column] = values.find(canRead) ?? row[column];
  }
  return Object.fromEntries(rowColumns.map((name) => [name, ownValue(row, name) ?? 1]));
}

/** Most features that read other values read numbers, too. */
const numbersFirst = (a: unknown, b: unknown) =>
  Number(typeof b === "number") - Number(typeof a === "number");

/** Values for one reader of a column, of which another one may refuse some. */
function valuesFor({ feature, place, as }: ReadColumn, { vocabularies }: FittedFeatures): unknown[] {
  if (as !== undefined) return [INPUT_VALUES[as]];
  if (feature.kind === "number") return [numbers(feature.width)];
  const { columns, weighted } = feature.reading;
  const id = idsFor(feature, columns.length, vocabularies)[place];
  if (weighted) return [[{ key: id, value: 1 }], { [String(id)]: 1 }];
  return [feature.kind === "ids" ? [id] : id];
}

/** A number is an id, a text, and a time of those kinds that read times as texts. */
const INPUT_VALUES: Readonly<Record<Input["as"], unknown>> = {
  number: 1,
  text: 1,
  texts: [1],
  lists: [[1]],
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
