import { ConfigError } from "../../errors.js";
import { canonicalText, refusalOfText } from "../../features/canonical.js";
import { fitFeatures, needsNumberStatistics, type Statistics } from "../../features/fit.js";
import {
  type FeatureConfig,
  inputFeatures,
  isDerived,
  learntVocabulary,
  type NumberFeatureConfig,
  type PlainFeatureConfig,
  plainOf,
  tableName,
} from "../../features/schema/features.js";
import { isList, numberValue } from "../../features/values.js";
import { ChunkEncoder } from "../encode/chunk-encoder.js";
import type { Wire } from "../source/column-query.js";
import type { Duck } from "../source/duckdb.js";
import { nothingLearnt } from "./learn.js";
import { learnsNumbers, NumberLearner } from "./number-learner.js";

/**
 * Learns the vocabularies and statistics of computed features: computes their values as packing does, and counts them. One
 * pass over the training split learns for all features whose inputs are known; features that read those are learned in the
 * next pass.
 *
 * @param known what was learned from columns
 * @param training a SELECT of the rows of the training split
 */
export async function learnDerived(
  duck: Duck,
  features: readonly FeatureConfig[],
  wires: readonly (readonly Wire[])[],
  training: string,
  known: Statistics,
): Promise<Statistics> {
  let statistics = known;
  let pending = features.filter((feature) => isDerived(feature) && learns(feature));
  while (pending.length > 0) {
    const ready = readyToLearn(features, pending);
    statistics = await learnPass(duck, features, wires, training, statistics, ready);
    pending = pending.filter((feature) => !ready.includes(feature));
  }
  return statistics;
}

function learns(feature: FeatureConfig): boolean {
  const plain = plainOf(feature);
  return learnsNumbers(plain) || learntVocabulary(plain) !== undefined;
}

/** Features that do not wait for others, and whose tables do not either. */
function readyToLearn(
  features: readonly FeatureConfig[],
  pending: readonly FeatureConfig[],
): FeatureConfig[] {
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  const waits = (feature: FeatureConfig): boolean =>
    inputFeatures(feature).some((name) => {
      const input = byName.get(name)!;
      return pending.includes(input) || waits(input);
    });
  const tables = new Set(pending.filter(waits).map((feature) => tableName(plainOf(feature))));
  const ready = pending.filter((feature) => !tables.has(tableName(plainOf(feature))));
  if (ready.length > 0) return ready;
  const names = pending.map(({ name }) => name).join(", ");
  throw new ConfigError({
    what: "features that share a learned vocabulary depend on each other",
    where: "features",
    got: names,
    expected: "a shared table whose features do not read each other",
    next: "Give each feature its own table, or use hash.",
  });
}

async function learnPass(
  duck: Duck,
  features: readonly FeatureConfig[],
  wires: readonly (readonly Wire[])[],
  training: string,
  known: Statistics,
  ready: readonly FeatureConfig[],
): Promise<Statistics> {
  const learners = ready.map((feature) => ({ feature, plain: plainOf(feature) }));
  const counts = new Map<string, Map<string, number>>();
  const numbers = new NumberLearner();
  const observers = new Map<string, (value: unknown) => void>();
  for (const { feature, plain } of learners) {
    if (learntVocabulary(plain)) {
      const table = counts.get(tableName(plain)) ?? new Map<string, number>();
      counts.set(tableName(plain), table);
      observers.set(feature.name, (value) => countTexts(value, table));
    } else {
      const observe = numbers.observer(plain as NumberFeatureConfig, features.indexOf(feature));
      observers.set(feature.name, (value) => observe(numberValue(value) ?? Number.NaN));
    }
  }
  const encoder = new ChunkEncoder(
    fitFeatures(features, provisional(known, features)),
    wires,
    undefined,
    (name, values) => {
      const observe = observers.get(name);
      if (observe) values.forEach(observe);
    },
  );
  for await (const chunk of duck.stream(`SELECT ${encoder.projection} FROM (${training})`, "features"))
    encoder.encode(chunk);
  const vocabularies = { ...known.vocabularies };
  for (const { plain } of learners) {
    const rule = learntVocabulary(plain);
    if (rule)
      vocabularies[tableName(plain)] = vocabularyOf(counts.get(tableName(plain))!, rule, tableName(plain));
  }
  const learned = numbers.learned();
  return {
    ...known,
    vocabularies,
    numbers: { ...known.numbers, ...learned.numbers },
    boundaries: { ...known.boundaries, ...learned.boundaries },
  };
}

/** Placeholders for statistics that are not known yet: values are observed before these are used. */
function provisional(known: Statistics, features: readonly FeatureConfig[]): Statistics {
  const plain = features.map(plainOf);
  const numbers = plain
    .filter(needsNumberStatistics)
    .map(({ name }) => [name, { mean: 0, std: 1, min: 0, max: 1 }]);
  const standIns = ({ missing }: PlainFeatureConfig) =>
    typeof missing === "object" && "value" in missing ? [String(missing.value)] : [];
  const tables = plain.filter(learntVocabulary).map((feature) => [tableName(feature), standIns(feature)]);
  return {
    ...known,
    numbers: { ...Object.fromEntries(numbers), ...known.numbers },
    vocabularies: { ...Object.fromEntries(tables), ...known.vocabularies },
  };
}

function countTexts(value: unknown, counts: Map<string, number>): void {
  for (const item of isList(value) ? Array.from(value) : [value]) {
    const text = canonicalText(item);
    if (text && refusalOfText(text) === 0) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
}

/** Ordered by count, largest first, then by bytes, as vocabularies learned from columns. */
function vocabularyOf(
  counts: ReadonlyMap<string, number>,
  { minCount, maxSize }: { minCount: number; maxSize?: number },
  table: string,
): string[] {
  const values = [...counts]
    .filter(([, count]) => count >= minCount)
    .sort(([a, n], [b, m]) => m - n || Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .slice(0, maxSize)
    .map(([text]) => text);
  if (values.length === 0) throw nothingLearnt(table, { minCount });
  return values;
}
