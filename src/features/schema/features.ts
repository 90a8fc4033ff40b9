import { z } from "zod";
import { unionOf } from "../../kinds.js";
import type { FeatureFile } from "../kinds/define-kind.js";
import { DERIVED_KINDS, type DerivedFeatureConfig, derivationOf, derivedKind } from "../kinds/index.js";
import type { TargetRule } from "../target-means.js";
import { plainOutput } from "./derived-fields.js";
import { compositionOf, MAPPINGS, problem, type Refinement, TABLE_SETTINGS } from "./feature-fields.js";
import {
  bagOf,
  idFeature,
  idsFeature,
  numberFeature,
  type PlainFeatureConfig,
  sequenceFeature,
} from "./plain-features.js";
import { readingOrder } from "./reading-order.js";

export type { TableNumbers } from "./feature-fields.js";
export type {
  BagConfig,
  IdFeatureConfig,
  IdsFeatureConfig,
  NumberFeatureConfig,
  PlainFeatureConfig,
} from "./plain-features.js";

/**
 * The feature section of a config: an array of features. The schema checks what can be checked without data and fills
 * in the defaults. `docs/features.md` is the reference.
 */
const featureSchema = unionOf([
  { schema: idFeature },
  { schema: idsFeature },
  { schema: numberFeature },
  { schema: sequenceFeature },
  ...DERIVED_KINDS,
]);

export const featuresSchema = z
  .array(featureSchema)
  .min(1)
  .superRefine((features, context) => {
    // Rules between features are checked only after each feature is valid.
    if (context.issues.length > 0) return;
    refineNames(features, context);
    refineTables(features, context);
    refineInputs(features, context);
    refineSequences(features, context);
    refineJoined(features, context);
  });

/** A feature as written in a config, with optional defaults. */
export type FeatureInput = z.input<typeof featureSchema>;
/** A feature with every default filled in. */
export type FeatureConfig = z.output<typeof featureSchema>;
export function isDerived(feature: FeatureConfig): feature is DerivedFeatureConfig {
  return derivedKind(feature.kind) !== undefined;
}

/** A plain feature itself; for a sequence its bag; for a derived feature, the plain feature that handles its value. */
export function plainOf(feature: FeatureConfig): PlainFeatureConfig {
  if (isDerived(feature)) return plainOutput(feature, derivedKind(feature.kind)!.gives);
  return feature.kind === "sequence" ? bagOf(feature) : feature;
}

/** A file, other than a vocabulary, that affects the feature's values. */
export function fileOf(feature: FeatureConfig): FeatureFile | undefined {
  return derivedKind(feature.kind)?.file?.(feature);
}

/** How the feature learns from labels; `undefined` for most kinds. */
export function targetRuleOf(feature: FeatureConfig): TargetRule | undefined {
  return derivedKind(feature.kind)?.targetRule?.(feature);
}

/** The embedding table that a feature reads: its own, or a shared one. */
export function tableName(feature: { name: string; embedding?: string }): string {
  return feature.embedding ?? feature.name;
}

/** True if the feature reads an embedding table (every kind except a plain number). */
export function hasTable(feature: PlainFeatureConfig): boolean {
  return feature.kind !== "number" || feature.boundaries !== undefined;
}

function refineNames(features: FeatureConfig[], context: Refinement): void {
  const seen = new Map<string, number>();
  features.forEach((feature, i) => {
    const first = seen.get(feature.name);
    if (first === undefined) seen.set(feature.name, i);
    else {
      const message = `the name "${feature.name}" is taken by features[${first}]`;
      const params = { expected: "a name that no other feature has" };
      context.addIssue({ code: "custom", path: [i, "name"], message, params });
    }
  });
}

/** Settings that must be equal for all features of a table; of boundaries only how many there are. */
const sharedKeys = [...MAPPINGS, "boundaries", ...TABLE_SETTINGS] as const;

/** Features that share a table must agree on the meaning of its rows. */
function refineTables(features: FeatureConfig[], context: Refinement): void {
  const first = new Map<string, number>();
  const plain = features.map(plainOf);
  plain.forEach((feature, i) => {
    if (!hasTable(feature)) return;
    refineStore(feature, i, context);
    const name = tableName(feature);
    const j = first.get(name);
    if (j === undefined) {
      first.set(name, i);
      return;
    }
    const other = plain[j];
    for (const key of sharedKeys)
      if (JSON.stringify(settingOf(feature, key)) !== JSON.stringify(settingOf(other, key)))
        problem(context, [i, key], `must equal features[${j}].${key}: both read the table "${name}"`);
    if (isDerived(features[i]) !== isDerived(features[j]) && learnsTable(feature))
      problem(
        context,
        [i, "embedding"],
        `a table cannot learn from columns and computed values together (features[${j}]): give the values or boundaries, or leave embedding out`,
      );
  });
}

function refineStore(feature: PlainFeatureConfig, i: number, context: Refinement): void {
  if (feature.store === undefined || compositionOf(feature) === undefined) return;
  const message = "store is for a single table: hash (a number), buckets, vocabulary or dynamic";
  problem(context, [i, "store"], message);
}

function settingOf(feature: PlainFeatureConfig, key: string): unknown {
  const value = (feature as Record<string, unknown>)[key];
  return key === "boundaries" && Array.isArray(value) ? value.length : value;
}

/** The rule of a vocabulary learned from the training split; `undefined` if none is learned. */
export function learntVocabulary(
  feature: PlainFeatureConfig,
): { minCount: number; maxSize?: number; grow?: boolean } | undefined {
  const vocabulary = feature.kind === "number" ? undefined : feature.vocabulary;
  return vocabulary && "minCount" in vocabulary ? vocabulary : undefined;
}

/** The number of ranges whose boundaries are learned from the training split; `undefined` if none are learned. */
export function learntQuantiles(feature: PlainFeatureConfig): number | undefined {
  const boundaries = feature.kind === "number" ? feature.boundaries : undefined;
  return boundaries && "quantiles" in boundaries ? boundaries.quantiles : undefined;
}

/** True if the training split decides what the rows of the feature's table stand for. */
export function learnsTable(feature: PlainFeatureConfig): boolean {
  return (learntVocabulary(feature) ?? learntQuantiles(feature)) !== undefined;
}

/** Inputs must exist, and features must not depend on themselves through others. */
function refineInputs(features: FeatureConfig[], context: Refinement): void {
  const indexOf = new Map(features.map(({ name }, i) => [name, i]));
  const reads = features.map((feature, i) =>
    inputFeatures(feature).flatMap((name) => {
      const read = indexOf.get(name);
      if (read === undefined) problem(context, [i], `there is no feature "${name}" to read`);
      return read ?? [];
    }),
  );
  const { cycle } = readingOrder(reads);
  if (!cycle) return;
  const names = cycle.map((i) => features[i].name);
  problem(context, [cycle[0]], `the feature reads itself: ${pathOf(names)}`);
}

/** Both ends of a long path. */
const pathOf = (names: readonly string[]) =>
  (names.length < 20 ? names : [...names.slice(0, 9), "…", ...names.slice(-9)]).join(" <- ");

/** The sequence that a feature is a column of, and how many of its newest entries are kept. */
function entriesOf(feature: PlainFeatureConfig): { sequence: string; max?: number } | undefined {
  if (feature.kind !== "ids") return undefined;
  const { sequence, maxLength: max, within } = feature;
  return within ?? (sequence === undefined ? undefined : { sequence, max });
}

/** The columns of a sequence keep the same entries. */
function refineSequences(features: FeatureConfig[], context: Refinement): void {
  const first = new Map<string, number>();
  features.map(plainOf).forEach((feature, i) => {
    const own = entriesOf(feature);
    if (!own) return;
    const j = first.get(own.sequence) ?? i;
    first.set(own.sequence, j);
    if (own.max !== entriesOf(plainOf(features[j]))!.max)
      problem(context, [i, "max"], `must equal features[${j}].max: both are columns of "${own.sequence}"`);
  });
}

/** A joined sequence has as many entries of each of its two as these keep. */
function refineJoined(features: FeatureConfig[], context: Refinement): void {
  const sequences = features.filter((each) => each.kind === "sequence");
  features.forEach((feature, i) => {
    for (const [k, { column, newest, separator }] of (
      derivedKind(feature.kind)?.joins?.(feature) ?? []
    ).entries()) {
      const read = sequences.filter((each) => (each.column ?? each.name) === column);
      if (read.length === 0)
        problem(context, [i, "columns", k], `no feature of kind "sequence" reads this column`);
      for (const other of read) {
        if ((other.max ?? null) !== newest)
          problem(context, [i, "newest", k], `must equal max of "${other.name}"`);
        if (other.separator !== separator)
          problem(context, [i, "separator"], `must equal separator of "${other.name}"`);
      }
    }
  });
}

/** The names of the features that a feature reads directly. */
export function inputFeatures(feature: FeatureConfig): string[] {
  const inputs = isDerived(feature) ? derivationOf(feature).inputs : [];
  return inputs.flatMap((input) => ("feature" in input ? [input.feature] : []));
}
