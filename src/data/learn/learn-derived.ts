import { ConfigError } from "../../errors.js";
import { canonicalText, refusalOfText } from "../../features/canonical.js";
import { fitFeatures, needsNumberStatistics, type Statistics } from "../../features/fit.js";
import {
  type FeatureConfig,
  inputFeatures,
  isDerived,
  learntVocabulary,
  type PlainFeatureConfig,
  plainOf,
  tableName,
  targetRuleOf,
} from "../../features/schema/features.js";
import { isList, numberValue } from "../../features/values.js";
import { ChunkEncoder } from "../encode/chunk-encoder.js";
import type { Wire } from "../source/column-query.js";
import type { Duck } from "../source/duckdb.js";
import { nothingLearnt } from "./learn.js";
import { learnsNumbers, NumberLearner } from "./number-learner.js";
import { TargetLearner, type TargetRows } from "./target-learner.js";
import { readTargets, type TargetQuery, targetSql } from "./target-query.js";

/**
 * Learns the vocabularies and statistics of computed features: computes their values as packing does, and counts them. One
 * pass over the training split learns for all features whose inputs are known; features that read those are learned in the
 * next pass.
 *
 * @param known what was learned from columns
 */
export async function learnDerived(duck: Duck, job: Job, known: Statistics): Promise<Learnt> {
  let learnt: Learnt = { statistics: known, trainingValues: new Map() };
  let pending = job.features.filter((feature) => isDerived(feature) && learns(feature));
  while (pending.length > 0) {
    const ready = readyToLearn(job.features, pending);
    learnt = await learnPass(duck, job, learnt, ready);
    pending = pending.filter((feature) => !ready.includes(feature));
  }
  return learnt;
}

/** What is learned from. */
export interface Job {
  readonly features: readonly FeatureConfig[];
  /** The SQL expressions of each feature. */
  readonly wires: readonly (readonly Wire[])[];
  /** A SELECT of the rows of the training split. */
  readonly training: string;
  /** Absent if no feature learns from labels. */
  readonly target?: TargetQuery;
}

export interface Learnt {
  readonly statistics: Statistics;
  /** By feature that learns from labels: one value per row of the training split. */
  readonly trainingValues: ReadonlyMap<string, Float64Array>;
}

function learns(feature: FeatureConfig): boolean {
  const plain = plainOf(feature);
  return learnsNumbers(plain) || (learntVocabulary(plain) ?? targetRuleOf(feature)) !== undefined;
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
  { features, wires, training, target }: Job,
  known: Learnt,
  ready: readonly FeatureConfig[],
): Promise<Learnt> {
  const pass = new LearnPass(features, ready);
  const encoder = new ChunkEncoder(
    fitFeatures(features, provisional(known.statistics, features)),
    wires,
    undefined,
    { observe: pass.observe, training: { isTraining: "true", byFeature: known.trainingValues } },
  );
  const wanted = [...encoder.projection, ...targetSql(target)];
  for await (const chunk of duck.stream(`SELECT ${wanted.join(", ")} FROM (${training})`, "features")) {
    pass.targets = readTargets(chunk, encoder.projection.length, target);
    encoder.encode(chunk);
  }
  return pass.learned(known);
}

/** Learns from the values of the features that are ready. */
class LearnPass {
  /** The labels of the rows whose values are observed next. */
  targets?: TargetRows;
  private readonly observers = new Map<string, (values: readonly unknown[]) => void>();
  /** By table: how often each value occurs. */
  private readonly counts = new Map<string, Map<string, number>>();
  private readonly numbers = new NumberLearner();
  private readonly means = new Map<string, TargetLearner>();

  constructor(
    private readonly features: readonly FeatureConfig[],
    private readonly ready: readonly FeatureConfig[],
  ) {
    for (const feature of ready) this.observers.set(feature.name, this.observerOf(feature));
  }

  readonly observe = (feature: string, values: readonly unknown[]): void =>
    this.observers.get(feature)?.(values);

  private observerOf(feature: FeatureConfig): (values: readonly unknown[]) => void {
    const rule = targetRuleOf(feature);
    if (!rule) return this.valueObserver(feature);
    const means = new TargetLearner(feature.name, rule);
    this.means.set(feature.name, means);
    return (keys) => means.add(keys, this.targets!);
  }

  private valueObserver(feature: FeatureConfig): (values: ArrayLike<unknown>) => void {
    const plain = plainOf(feature);
    if (learnsNumbers(plain)) {
      const add = this.numbers.observer(plain, this.features.indexOf(feature));
      return (values) => eachOf(values, (value) => add(numberValue(value) ?? Number.NaN));
    }
    const table = this.counts.get(tableName(plain)) ?? new Map<string, number>();
    this.counts.set(tableName(plain), table);
    return (values) => eachOf(values, (value) => countTexts(value, table));
  }

  learned({ statistics, trainingValues }: Learnt): Learnt {
    const targetMeans = { ...statistics.targetMeans };
    const values = new Map(trainingValues);
    for (const [name, learner] of this.means) {
      const { means, rows } = learner.learned();
      targetMeans[name] = means;
      values.set(name, rows);
      const feature = this.ready.find((each) => each.name === name)!;
      if (learnsNumbers(plainOf(feature))) this.valueObserver(feature)(rows);
    }
    const { numbers, boundaries, edges } = this.numbers.learned();
    const learned: Statistics = {
      ...statistics,
      vocabularies: { ...statistics.vocabularies, ...this.vocabularies() },
      numbers: { ...statistics.numbers, ...numbers },
      boundaries: { ...statistics.boundaries, ...boundaries },
      edges: { ...statistics.edges, ...edges },
      ...(values.size > 0 && { targetMeans }),
    };
    return { statistics: learned, trainingValues: values };
  }

  private vocabularies(): Record<string, string[]> {
    const rules = this.ready.map(plainOf).flatMap((plain) => {
      const rule = learntVocabulary(plain);
      return rule ? [[tableName(plain), rule] as const] : [];
    });
    return Object.fromEntries(
      rules.map(([table, rule]) => [table, vocabularyOf(this.counts.get(table)!, rule, table)]),
    );
  }
}

function eachOf(values: ArrayLike<unknown>, apply: (value: unknown) => void): void {
  for (let i = 0; i < values.length; i++) apply(values[i]);
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

/** Counts the texts of a value, or of the elements of a list, or of a list of lists. */
export function countTexts(value: unknown, counts: Map<string, number>): void {
  for (const item of isList(value) ? Array.from(value) : [value]) {
    if (isList(item)) {
      countTexts(item, counts);
      continue;
    }
    const text = canonicalText(item);
    if (text && refusalOfText(text) === 0) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
}

/** The values that get a row. */
function vocabularyOf(
  counts: ReadonlyMap<string, number>,
  { minCount, maxSize }: { minCount: number; maxSize?: number },
  table: string,
): string[] {
  const values = frequentOf(counts, minCount).slice(0, maxSize);
  if (values.length === 0) throw nothingLearnt(table, { minCount });
  return values;
}

/** The values that occur often enough, by count, largest first, then by bytes, as vocabularies learned from columns. */
export function frequentOf(counts: ReadonlyMap<string, number>, minCount: number): string[] {
  return [...counts]
    .filter(([, count]) => count >= minCount)
    .sort(([a, n], [b, m]) => m - n || Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([text]) => text);
}
