import { DataError } from "../errors.js";
import { createEncoder } from "../features/encoder.js";
import type { FittedBag, FittedFeature, FittedId } from "../features/fitted.js";
import type { TrainedModel } from "../saved/model.js";
import { showValue } from "../show-value.js";

type Rows = Pick<TrainedModel, "features" | "translations">;

/** See `Predictor.translate`. */
export function translate(
  { features, translations }: Rows,
  name: string,
  values: readonly unknown[],
): Float64Array {
  const feature = withTable(features.features, name);
  const oneId = oneIdOf(feature);
  const encoder = createEncoder({ ...features, features: [oneId] });
  const encoded = encoder.encode(values.map((value, i) => rowOf(oneId, value, i)));
  const [refused] = encoded.bad;
  if (refused) throw refusedValue(name, values[refused.row], refused);
  const { data } = encoded.columns.get(name) as Extract<
    ReturnType<typeof encoded.columns.get>,
    { kind: "id" }
  >;
  const translation = translations.get(feature.table);
  if (translation) return translation.translate(BigInt64Array.from(data as ArrayLike<number>, BigInt));
  if (feature.translation) throw ofMembers(name);
  return Float64Array.from(data as ArrayLike<number>, Number);
}

/** The feature with one id per row, read from a column as it is. */
function oneIdOf({
  name,
  table,
  rows,
  translation,
  mapping,
  reading,
  ...feature
}: FittedId | FittedBag): FittedId {
  const { columns, as, derivation } = reading;
  return {
    ...{ kind: "id", name, table, rows, translation, mapping, width: 1 },
    reading: { columns: derivation ? [name] : columns, as },
    missingRow: feature.kind === "id" ? feature.missingRow : null,
  };
}

function rowOf(
  { name, reading: { columns } }: FittedId,
  value: unknown,
  row: number,
): Record<string, unknown> {
  const parts = columns.length === 1 ? [value] : value;
  if (!Array.isArray(parts) || parts.length !== columns.length)
    throw refusedValue(name, value, { row, reason: `no list of ${columns.length} values` });
  return Object.fromEntries(columns.map((column, i) => [column, parts[i]]));
}

function withTable(features: readonly FittedFeature[], name: string): FittedId | FittedBag {
  const tables = features.filter((feature) => feature.kind !== "number");
  const found = tables.find((feature) => feature.name === name);
  if (found) return found;
  throw new DataError({
    what: "the model has no such feature with a table",
    where: "translate()",
    got: showValue(name),
    expected: `one of ${tables.map((feature) => feature.name).join(", ") || "none"}`,
    next: "Name one of them.",
  });
}

function refusedValue(
  name: string,
  value: unknown,
  { row, reason }: { row: number; reason: string },
): DataError {
  return new DataError({
    what: `the feature ${name} refuses a value`,
    where: `values[${row}]`,
    got: `${showValue(value)} (${reason})`,
    expected: `a value that ${name} can read (docs/features.md)`,
    next: "Remove the value.",
  });
}

function ofMembers(name: string): DataError {
  return new DataError({
    what: "the members of the model have dynamic tables of their own, so that an id has several rows",
    where: "translate()",
    got: name,
    next: "Load the run directory of a member, such as members/seed-0 in the directory of the run.",
  });
}
