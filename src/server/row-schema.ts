import type { FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { Input } from "../features/inputs.js";
import type { Predictor } from "../serve/predictor.js";
import { type ReadColumn, readColumns } from "./read-columns.js";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The values of each column that the features read, as JSON Schema. */
export function columnSchemas(fitted: FittedFeatures): Map<string, JsonSchema> {
  const schemas = [...readColumns(fitted)].map(([column, readers]): [string, JsonSchema] => {
    const all = readers.map((read) => schemaOf(read, fitted));
    return [column, all.length === 1 ? all[0] : { allOf: all }];
  });
  return new Map(schemas);
}

/** The columns that rows must have: in place of histories that a store gives, whose they are and until when. */
export function requestSchemas({ features, rowColumns }: Predictor): Map<string, JsonSchema> {
  const known = columnSchemas(features);
  return new Map(rowColumns.map((name) => [name, known.get(name) ?? { description: "finds the history" }]));
}

function schemaOf({ feature, as }: ReadColumn, { vocabularies }: FittedFeatures): JsonSchema {
  if (as !== undefined) return { description: `${INPUTS[as]}, read by ${feature.name}` };
  return { description: `read by ${feature.name}`, ...valueSchema(feature, vocabularies) };
}

const INPUTS: Readonly<Record<Input["as"], string>> = {
  number: "a number",
  text: "an id or text",
  texts: "a list of ids or texts, a text with several, or a map",
  lists: "a list of lists of ids, or a text with several",
  time: "a time",
};

function valueSchema(feature: FittedFeature, vocabularies: FittedFeatures["vocabularies"]): JsonSchema {
  if (feature.kind === "number")
    return numberSchema(feature.width, feature.missing === null && !feature.missingVector);
  const isCross = feature.reading.columns.length > 1;
  const id = isCross ? { type: ["string", "integer", "null"] } : idSchema(feature, vocabularies);
  if (feature.kind === "id") return id;
  if (feature.reading.weighted)
    return { description: "a map from ids to weights, or a list of { key, value }" };
  // A single value is a list with one element, and a text may have several.
  const types = ["array", "string", "integer", ...(feature.missing === "refuse" ? [] : ["null"])];
  if (feature.sequence?.number) return { type: [...types, "number"], items: { type: ["number", "null"] } };
  return { type: types, items: { ...id, type: ["string", "integer"] } };
}

function numberSchema(width: number, isNeeded: boolean): JsonSchema {
  const orNull = (type: string) => (isNeeded ? type : [type, "null"]);
  if (width === 1) return { type: orNull("number") };
  return { type: orNull("array"), items: { type: "number" }, minItems: width, maxItems: width };
}

const MOST_VALUES = 100;

function idSchema(
  feature: Exclude<FittedFeature, { kind: "number" }>,
  vocabularies: FittedFeatures["vocabularies"],
): JsonSchema {
  const { mapping } = feature;
  const orNull = (...types: string[]) =>
    feature.kind === "id" && feature.missingRow === null ? types : [...types, "null"];
  if (mapping.kind === "integer" && mapping.outOfRangeRow === null)
    return { type: orNull("integer"), minimum: 0, maximum: mapping.size - 1 };
  if (mapping.kind === "integer" || mapping.kind === "boundaries") return { type: orNull("number") };
  if (mapping.kind !== "vocabulary" || mapping.unknownRow !== null)
    return { type: orNull("string", "integer") };
  const known = vocabularies[mapping.vocabulary];
  const texts = [...known, ...Object.keys(mapping.synonyms ?? {})];
  return texts.length > MOST_VALUES ? { type: orNull("string") } : { enum: texts };
}
