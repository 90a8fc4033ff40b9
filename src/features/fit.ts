import { DataError } from "../errors.js";
import { MISSING_KEY } from "../graph/translation.js";
import { ownValue } from "../own-value.js";
import { canonicalText } from "./canonical.js";
import {
  FITTED_VERSION,
  type FittedBag,
  type FittedFeature,
  type FittedFeatures,
  type FittedId,
  type FittedKey,
  type FittedTable,
  type IdMapping,
  type NumberTransform,
  type TextRules,
  textRulesOf,
} from "./fitted.js";
import { readingOf } from "./reading.js";
import type { DynamicConfig } from "./schema/dynamic-table.js";
import { compositionOf, hashSize, tableSettingsOf } from "./schema/feature-fields.js";
import {
  type BagConfig,
  type FeatureConfig,
  hasTable,
  type IdFeatureConfig,
  type NumberFeatureConfig,
  type PlainFeatureConfig,
  plainOf,
  tableName,
} from "./schema/features.js";
import type { TargetMeans } from "./target-means.js";
import type { Tokenizers } from "./tokenizer.js";
import { bucketOf, compileId, compileNumber, vocabularyCache } from "./transform.js";
import { synonymProblem } from "./vocabulary.js";

/** Values and statistics learned from the training split. */
export interface Statistics extends TextRules {
  /** By table name: the values that get a row each, in row order. */
  readonly vocabularies: Readonly<Record<string, readonly string[]>>;
  /** By feature name: statistics of the finite values. */
  readonly numbers: Readonly<Record<string, NumberStatistics>>;
  /** By feature name: the ends of the bins of piecewise-linear embeddings; absent if there are none. */
  readonly edges?: Readonly<Record<string, readonly number[]>>;
  /** By table name; absent if no boundaries are learned. */
  readonly boundaries?: Readonly<Record<string, readonly number[]>>;
  /** By file name; absent if no feature uses a tokenizer. */
  readonly tokenizers?: Tokenizers;
  /** By feature name; absent if no feature learns from labels. */
  readonly targetMeans?: Readonly<Record<string, TargetMeans>>;
  /** SHA-256 by module; absent if no feature uses one. */
  readonly modules?: Readonly<Record<string, string>>;
}

export interface NumberStatistics {
  readonly mean: number;
  /** Population standard deviation. */
  readonly std: number;
  readonly min: number;
  readonly max: number;
}

/** True if the feature needs a mean, deviation, minimum or maximum from the training split. */
export function needsNumberStatistics(feature: PlainFeatureConfig): feature is NumberFeatureConfig {
  if (feature.kind !== "number") return false;
  if (feature.normalize === "zscore" || feature.normalize === "minmax") return true;
  return missingRule(feature) === "mean" && givenMean(feature) === undefined;
}

/** True for a sequence of numbers that needs statistics of its entries from the training split. */
export function needsEntryStatistics(feature: PlainFeatureConfig): feature is BagConfig {
  const normalize = feature.kind === "ids" ? feature.number?.normalize : undefined;
  return normalize === "zscore" || normalize === "minmax";
}

/** The number of bins that a piecewise-linear embedding of the feature learns; `undefined` if it has none. */
export function learntBins(feature: PlainFeatureConfig): number | undefined {
  const embedding = feature.kind === "number" ? feature.denseEmbedding : undefined;
  return embedding?.kind === "piecewiseLinear" ? embedding.bins : undefined;
}

/** Combines configured features with learned values into features ready to transform. Pure. */
export function fitFeatures(features: readonly FeatureConfig[], statistics: Statistics): FittedFeatures {
  const plain = features.map(plainOf);
  const tables = planTables(plain, statistics);
  const vocabularies: Record<string, readonly string[]> = {};
  for (const [name, table] of tables) if (table.vocabulary) vocabularies[name] = table.vocabulary;
  const { tokenizers, targetMeans, modules } = statistics;
  const fitted: FittedFeatures = {
    version: FITTED_VERSION,
    vocabularies,
    ...(tokenizers && { tokenizers }),
    ...(targetMeans && { targetMeans }),
    ...textRulesOf(statistics),
    ...(modules && { modules }),
    features: [],
  };
  const fit = (feature: PlainFeatureConfig, i: number): FittedFeature => ({
    ...fitOne(feature, tables, statistics, fitted),
    reading: readingOf(features[i]),
  });
  return { ...fitted, features: plain.map(fit) };
}

/** Rows of each table, by its name. */
export function tableRows(
  features: readonly FeatureConfig[],
  learned: Pick<Statistics, "vocabularies" | "boundaries">,
): Map<string, number> {
  const tables = planTables(features.map(plainOf), { numbers: {}, ...learned });
  return new Map([...tables].map(([name, { table }]) => [name, table.rows]));
}

/** The row layout of a table, shared by all features that read it. */
interface TablePlan {
  /** Number of rows for ordinary values. */
  values: number;
  unknownRow: number;
  missingRow: number;
  table: FittedTable;
  vocabulary?: readonly string[];
}

function planTables(features: readonly PlainFeatureConfig[], statistics: Statistics): Map<string, TablePlan> {
  const groups = new Map<string, PlainFeatureConfig[]>();
  for (const feature of features)
    if (hasTable(feature))
      groups.set(tableName(feature), [...(groups.get(tableName(feature)) ?? []), feature]);
  return new Map([...groups].map(([name, group]) => [name, planTable(name, group, statistics)]));
}

function planTable(name: string, group: readonly PlainFeatureConfig[], statistics: Statistics): TablePlan {
  const first = group[0];
  const vocabulary =
    first.kind === "number" || !first.vocabulary ? undefined : ownValue(statistics.vocabularies, name);
  const values = vocabulary?.length ?? valueRows(first, statistics);
  const dynamic = first.kind === "number" ? undefined : first.dynamic;
  const unknowns = group.some(wantsUnknownRow) ? 1 : 0;
  const missings = dynamic === undefined && group.some(wantsMissingRow) ? 1 : 0;
  const table = {
    table: name,
    ...(dynamic ? dynamicRows(dynamic) : { rows: values + unknowns + missings }),
    ...compositionPart(first),
    ...tableSettingsOf(first),
  };
  return { values, unknownRow: values, missingRow: values + unknowns, table, vocabulary };
}

function compositionPart(feature: PlainFeatureConfig): Pick<FittedTable, "composition"> {
  const composition = compositionOf(feature);
  return composition ? { composition } : {};
}

/** The rows of a dynamic table: one for each key, after that of the keys without a row. */
export function dynamicRows(dynamic: DynamicConfig): Pick<FittedTable, "rows" | "translation"> {
  return { rows: dynamic.capacity + 1, translation: { kind: "dynamic", ...dynamic } };
}

function valueRows(feature: PlainFeatureConfig, statistics: Statistics): number {
  if (feature.kind === "number") return boundariesOf(feature, statistics).length + 1;
  return feature.hash === undefined ? (feature.buckets ?? 0) : hashSize(feature.hash);
}

function wantsUnknownRow(feature: PlainFeatureConfig): boolean {
  if (feature.kind === "number") return false;
  if (feature.vocabulary) return feature.outOfVocabulary === "bucket";
  return feature.buckets !== undefined && feature.outOfRange === "bucket";
}

function wantsMissingRow(feature: PlainFeatureConfig): boolean {
  if (feature.kind === "ids") return feature.sequence !== undefined && feature.number === undefined;
  return (feature.kind === "id" ? feature.missing : missingRule(feature)) === "bucket";
}

function fitOne(
  feature: PlainFeatureConfig,
  tables: Map<string, TablePlan>,
  statistics: Statistics,
  fitted: FittedFeatures,
): FittedFeature {
  const plan = tables.get(tableName(feature));
  if (!hasTable(feature) || !plan) return fitDense(feature as NumberFeatureConfig, statistics);
  if (feature.kind === "id") return fitId(feature, plan, fitted);
  if (feature.kind === "ids") return fitBag(feature, plan, statistics, fitted);
  return fitBoundaries(feature, plan, statistics);
}

function mappingOf(feature: IdFeatureConfig | BagConfig, plan: TablePlan): IdMapping {
  if (feature.vocabulary) {
    const unknownRow = feature.outOfVocabulary === "bucket" ? plan.unknownRow : null;
    const synonyms = feature.synonyms && { synonyms: checkedSynonyms(feature, plan.vocabulary!) };
    return { kind: "vocabulary", vocabulary: plan.table.table, unknownRow, ...synonyms };
  }
  if (feature.hash !== undefined) return { kind: "hash", size: hashSize(feature.hash) };
  if (feature.dynamic) return { kind: "key" };
  const outOfRangeRow = feature.outOfRange === "bucket" ? plan.unknownRow : null;
  return { kind: "integer", size: plan.values, outOfRangeRow };
}

/** @throws DataError if a text has a row of its own, or is to be read as a value without one */
function checkedSynonyms(
  { name, synonyms = {} }: IdFeatureConfig | BagConfig,
  vocabulary: readonly string[],
): Readonly<Record<string, string>> {
  const [text, value, problem] = synonymProblem(synonyms, vocabulary) ?? [];
  if (problem === undefined) return synonyms;
  throw new DataError({
    what: `a synonym of ${name} cannot be used: ${problem}`,
    got: `${JSON.stringify(text)}: ${JSON.stringify(value)}`,
    expected: "a text that the vocabulary does not have, and a value that it has",
    next: "Correct the feature's synonyms.",
  });
}

function fitId(feature: IdFeatureConfig, plan: TablePlan, fitted: FittedFeatures): FittedFeature {
  const mapping = mappingOf(feature, plan);
  const base = { name: feature.name, reading: readingOf(feature), width: 1 as const, ...plan.table };
  const id = { kind: "id" as const, ...base, mapping, missingRow: null };
  if (feature.missing === "refuse") return id;
  if (feature.missing === "bucket")
    return { ...id, missingRow: feature.dynamic ? fittedKey(MISSING_KEY) : plan.missingRow };
  return { ...id, missingRow: standIn(id, feature.missing.value, fitted) };
}

function entryPart(
  { dynamic, number, name }: BagConfig,
  { missingRow }: TablePlan,
  statistics: Statistics,
): Omit<NonNullable<FittedBag["sequence"]>, "name"> {
  if (number === undefined) return { missingEntry: dynamic ? fittedKey(MISSING_KEY) : missingRow };
  const { normalize, missing, nonFinite } = number;
  const fitted = { transform: transformOf({ name, normalize }, statistics), missing, nonFinite };
  if (Number.isNaN(compileNumber(fitted).missing))
    throw noFiniteValue(name, missing, "Set missing to such a value.");
  return { missingEntry: 0, number: fitted };
}

const fittedKey = (key: bigint): FittedKey => ({ key: String(key) });

/** The id of the value that replaces a missing one. */
function standIn(
  feature: FittedId | FittedBag,
  value: string | number,
  fitted: FittedFeatures,
): number | FittedKey {
  const transform = compileId(feature, vocabularyCache(fitted));
  const text = Buffer.from(canonicalText(value) ?? "");
  const id =
    transform.reads === "text" ? transform.encode(text, 0, text.length) : transform.encode(Number(value));
  if (typeof id === "bigint") return fittedKey(id);
  if (id >= 0) return id;
  throw new DataError({
    what: `the value that replaces a missing ${feature.name} is refused by the feature itself`,
    got: JSON.stringify(value),
    expected: "a value that the feature accepts",
    next: "Choose another missing.value, or another rule in missing.",
  });
}

function fitBag(
  feature: BagConfig,
  plan: TablePlan,
  statistics: Statistics,
  fitted: FittedFeatures,
): FittedFeature {
  const bag: FittedBag = {
    kind: "ids",
    name: feature.name,
    reading: readingOf(feature),
    width: 1,
    ...plan.table,
    mapping: mappingOf(feature, plan),
    pooling: feature.pooling,
    ...(feature.maxLength !== undefined && { maxLength: feature.maxLength }),
    missing: "empty",
    ...(feature.sequence !== undefined && {
      sequence: { name: feature.sequence, ...entryPart(feature, plan, statistics) },
    }),
    ...(feature.within && { within: feature.within }),
  };
  const { missing } = feature;
  return { ...bag, missing: typeof missing === "object" ? standIn(bag, missing.value, fitted) : missing };
}

function fitBoundaries(feature: NumberFeatureConfig, plan: TablePlan, statistics: Statistics): FittedFeature {
  const boundaries = boundariesOf(feature, statistics);
  const value = missingValue(feature, statistics);
  const bucketed = missingRule(feature) === "bucket";
  return {
    kind: "id",
    name: feature.name,
    reading: readingOf(feature),
    width: 1,
    ...plan.table,
    mapping: { kind: "boundaries", boundaries, nonFinite: feature.nonFinite },
    missingRow: bucketed ? plan.missingRow : value === null ? null : bucketOf(value, boundaries),
  };
}

function boundariesOf(feature: NumberFeatureConfig, statistics: Statistics): readonly number[] {
  const { boundaries = [] } = feature;
  return "quantiles" in boundaries
    ? (ownValue(statistics.boundaries ?? {}, tableName(feature)) ?? [])
    : boundaries;
}

function fitDense(feature: NumberFeatureConfig, statistics: Statistics): FittedFeature {
  const fitted = {
    kind: "number" as const,
    name: feature.name,
    reading: readingOf(feature),
    width: feature.width,
    transform: transformOf(feature, statistics),
    missing: missingValue(feature, statistics),
    ...(Array.isArray(feature.missing) && { missingVector: feature.missing }),
    nonFinite: feature.nonFinite,
    denseEmbedding: feature.denseEmbedding,
    ...(learntBins(feature) !== undefined && { edges: statistics.edges?.[feature.name] ?? [0, 1] }),
  };
  const transform = compileNumber(fitted);
  const standIns = fitted.missingVector?.map(transform.encode) ?? [];
  if ((fitted.missing !== null && Number.isNaN(transform.missing)) || standIns.some(Number.isNaN))
    throw noFiniteValue(
      feature.name,
      fitted.missingVector ?? fitted.missing,
      'Set missing to such a value, or to "refuse".',
    );
  return fitted;
}

function noFiniteValue(name: string, missing: number | readonly number[] | null, next: string): DataError {
  return new DataError({
    what: `the value that replaces a missing ${name} has no finite normalized value`,
    got: String(missing),
    expected: "a raw value inside the domain of normalize",
    next,
  });
}

/** How a raw number becomes that of the model. */
export function transformOf(
  feature: Pick<NumberFeatureConfig, "name" | "normalize">,
  { numbers }: Pick<Statistics, "numbers">,
): NumberTransform {
  const { normalize } = feature;
  if (normalize === undefined) return { kind: "identity" };
  if (normalize === "log") return { kind: "log" };
  if (normalize === "zscore") {
    const { mean, std } = numbers[feature.name];
    return { kind: "affine", shift: mean, scale: std || 1 };
  }
  if (normalize === "minmax") {
    const { min, max } = numbers[feature.name];
    return { kind: "affine", shift: min, scale: max - min || 1 };
  }
  if ("mean" in normalize) return { kind: "affine", shift: normalize.mean, scale: normalize.std };
  if ("min" in normalize)
    return { kind: "affine", shift: normalize.min, scale: normalize.max - normalize.min };
  return { kind: "expression", expression: normalize.expression };
}

/** The rule for missing values; the default is a separate row, the mean if it is known, or 0. */
function missingRule(feature: NumberFeatureConfig): number | "mean" | "bucket" | "refuse" {
  if (Array.isArray(feature.missing)) return "refuse";
  if (feature.missing !== undefined) return feature.missing;
  if (feature.boundaries) return "bucket";
  const learnt = feature.normalize === "zscore" || feature.normalize === "minmax";
  return learnt || givenMean(feature) !== undefined ? "mean" : 0;
}

function givenMean({ normalize, width }: NumberFeatureConfig): number | undefined {
  return typeof normalize === "object" && "mean" in normalize && width === 1 ? normalize.mean : undefined;
}

function missingValue(feature: NumberFeatureConfig, { numbers }: Statistics): number | null {
  const rule = missingRule(feature);
  if (typeof rule === "number") return rule;
  return rule === "mean" ? (givenMean(feature) ?? numbers[feature.name].mean) : null;
}
