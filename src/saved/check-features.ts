import { isDeepStrictEqual } from "node:util";
import type { Config } from "../config/config.js";
import { CheckpointError } from "../errors.js";
import {
  fitFeatures,
  type NumberStatistics,
  needsEntryStatistics,
  needsNumberStatistics,
  type Statistics,
} from "../features/fit.js";
import {
  type FittedFeature,
  type FittedFeatures,
  sequenceOf,
  statedRules,
  type TableTypes,
  type TextRules,
  textRulesOf,
} from "../features/fitted.js";
import { type FeatureConfig, plainOf, tableName, targetRuleOf } from "../features/schema/features.js";
import { typedReader } from "../features/typed-value.js";
import { ownValue } from "../own-value.js";

/**
 * Checks that fitted features are those of the config: fits the config's features again with the values that the fitted
 * ones have learned. So a checkpoint has no features whose meaning its config does not state.
 * @throws CheckpointError naming the first feature that differs
 */
export function refuseOtherFeatures(
  { features, data }: Pick<Config, "features" | "data">,
  fitted: FittedFeatures,
  where: string,
): void {
  const [there, here] = [fitted.features, features].map((all) => all.map(({ name }) => name));
  if (!isDeepStrictEqual(there, here)) throw different(where, there.join(", "), here.join(", "));
  refuseOtherVocabularies(features, fitted, where);
  const source = (data.source ?? data.train)!;
  refuseOtherRules(statedRules(source), fitted, where);
  refuseOtherTypes(source, data.split !== undefined, fitted, where);
  const { vocabularies, tokenizers, targetMeans = {}, modules } = fitted;
  const learning = features.filter(targetRuleOf).map(({ name }) => name);
  if (!isDeepStrictEqual(new Set(Object.keys(targetMeans)), new Set(learning)))
    throw different(`${where}: targetMeans`, Object.keys(targetMeans).join(", "), learning.join(", "));
  const numbers = Object.fromEntries(fitted.features.map((feature) => [feature.name, statisticsOf(feature)]));
  const learned = { vocabularies, numbers, boundaries: boundariesOf(fitted), edges: edgesOf(fitted) };
  const expected = fitFeatures(features, { ...learned, tokenizers, modules, ...textRulesOf(fitted) });
  expected.features.forEach((feature, i) => {
    const plain = plainOf(features[i]);
    const isLearned = needsNumberStatistics(plain) || needsEntryStatistics(plain);
    const [got, wanted] = [fitted.features[i], feature].map((each) => comparable(each, isLearned));
    const key = [...new Set([...Object.keys(wanted), ...Object.keys(got)])].find(
      (name) => !isDeepStrictEqual(got[name], wanted[name]),
    );
    if (key === undefined) return;
    const path = `${where}: features[${i}].${key}`;
    throw different(path, JSON.stringify(got[key]) ?? "nothing", JSON.stringify(wanted[key]) ?? "nothing");
  });
}

/** Listed vocabularies are those of the config, in its order: the position of a value is its row. */
function refuseOtherVocabularies(
  features: readonly FeatureConfig[],
  { vocabularies }: FittedFeatures,
  where: string,
): void {
  for (const plain of features.map(plainOf)) {
    if (plain.kind === "number" || !Array.isArray(plain.vocabulary)) continue;
    const table = tableName(plain);
    const got = ownValue(vocabularies, table) ?? [];
    const at = plain.vocabulary.findIndex((value, row) => value !== got[row]);
    const row = at < 0 && got.length > plain.vocabulary.length ? plain.vocabulary.length : at;
    if (row < 0) continue;
    const textOf = (values: readonly string[]) => JSON.stringify(values[row]) ?? "nothing";
    throw different(`${where}: vocabularies.${table}[${row}]`, textOf(got), textOf(plain.vocabulary));
  }
}

/** Older checkpoints may be without a rule, but none has a rule that the config does not state. */
function refuseOtherRules(stated: TextRules, fitted: FittedFeatures, where: string): void {
  for (const key of ["nullValues", "decimal", "trim"] as const) {
    const [got, expected] = [fitted[key], stated[key]];
    if (got === undefined || isDeepStrictEqual(got, expected)) continue;
    throw different(`${where}: ${key}`, JSON.stringify(got), JSON.stringify(expected) ?? "nothing");
  }
}

/**
 * A column has the type that the config states. Without `sql` and predicates no other column has a type, and features read
 * columns with the types that SQL saw.
 */
function refuseOtherTypes(
  { types: stated = {}, sql, events }: NonNullable<Config["data"]["source"]>,
  hasPredicates: boolean,
  { types = {}, tableTypes = {}, timeUnits = {}, textTypes = {} }: FittedFeatures,
  where: string,
): void {
  const computes = sql !== undefined || events !== undefined || hasPredicates;
  for (const [name, type] of Object.entries(types)) {
    const expected = ownValue(stated, name);
    const isOther = expected === undefined ? !computes : isTypeName(expected) && expected !== type;
    if (isOther) throw different(`${where}: types.${name}`, type, expected ?? "no type");
  }
  const [table] = computes ? [] : Object.keys(tableTypes);
  if (table !== undefined) throw different(`${where}: tableTypes`, table, "no other table");
  const [sequence] = Object.keys(timeUnits).filter((name) => !Object.hasOwn(events ?? {}, name));
  if (sequence !== undefined) throw different(`${where}: timeUnits`, sequence, "a sequence with events");
  for (const [name, type] of Object.entries(sql === undefined ? textTypes : {})) {
    const expected = ownValue({ ...types, ...typesOfHistories(tableTypes) }, name);
    if (expected !== type) throw different(`${where}: textTypes.${name}`, type, expected ?? "no type");
  }
}

/** The types of the columns of events, by those of histories. */
function typesOfHistories(tableTypes: TableTypes): Readonly<Record<string, string>> {
  const columns = Object.entries(tableTypes).flatMap(([table, types]) => {
    const sequence = sequenceOf(table);
    if (sequence === undefined) return [];
    return Object.entries(types).map(([name, type]) => [`${sequence}.${name}`, type] as const);
  });
  return Object.fromEntries(columns);
}

/** True for the name that DuckDB gives a type; it has others too, such as INT for INTEGER. */
const isTypeName = (type: string) => type === "VARCHAR" || typedReader(type) !== undefined;

/** Statistics that give the learned numbers of the feature again, or others where there is no telling. */
function statisticsOf(feature: FittedFeature): NumberStatistics {
  if (feature.kind !== "number" || feature.transform.kind !== "affine")
    return { mean: 0, std: 1, min: 0, max: 1 };
  const { shift, scale } = feature.transform;
  return { mean: shift, std: scale, min: shift, max: shift + scale };
}

function boundariesOf({ features }: FittedFeatures): Statistics["boundaries"] {
  const ranges = features.flatMap((feature) =>
    feature.kind !== "number" && feature.mapping.kind === "boundaries"
      ? [[feature.table, feature.mapping.boundaries] as const]
      : [],
  );
  return Object.fromEntries(ranges);
}

function edgesOf({ features }: FittedFeatures): Statistics["edges"] {
  const learned = features.flatMap((feature) =>
    feature.kind === "number" && feature.edges ? [[feature.name, feature.edges] as const] : [],
  );
  return Object.fromEntries(learned);
}

/** As JSON, without what nothing but the training data determines, and without the translation, which no config has. */
function comparable(feature: FittedFeature, isLearned: boolean): Record<string, unknown> {
  const { translation, rows, ...rest } = JSON.parse(JSON.stringify(feature));
  if (!isLearned) return rest;
  const { transform, missing, missingRow, sequence, ...fixed } = rest;
  const number = sequence?.number && { ...sequence.number, transform: sequence.number.transform.kind };
  return { ...fixed, transform: transform?.kind, ...(sequence && { sequence: { ...sequence, number } }) };
}

/**
 * Refuses a config with more or fewer features than were fitted, before the config is checked: to describe the faults of
 * a very long list would take minutes.
 * @throws CheckpointError
 */
export function refuseOtherCount(config: unknown, fitted: FittedFeatures, where: string): void {
  const listed = (config as { features?: unknown } | undefined)?.features;
  const count = Array.isArray(listed) ? listed.length : 0;
  if (count !== fitted.features.length)
    throw different(where, `${fitted.features.length} features`, `${count} features`);
}

function different(where: string, got: string, expected: string): CheckpointError {
  return new CheckpointError({
    what: "the checkpoint's features are not those of its config",
    where,
    got,
    expected,
    next: "Use another checkpoint of the run: this one was written incorrectly.",
  });
}
