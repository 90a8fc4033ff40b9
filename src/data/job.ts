import { WEIGHT_COLUMN } from "../columns/columns.js";
import type { TextRules } from "../features/fitted.js";
import { readingOf } from "../features/reading.js";
import { type FeatureConfig, targetRuleOf } from "../features/schema/features.js";
import type { LabelKind } from "../features/targets.js";
import { labelNames } from "../features/targets.js";
import type { DataConfig, SourceConfig } from "./data-config.js";
import type { Targets } from "./encode/chunk-encoder.js";
import { columnWants, readingWires, type Wire } from "./source/column-query.js";
import { type Demand, laterDemand } from "./source/demand.js";
import type { Duck } from "./source/duckdb.js";
import { withHistories } from "./source/histories.js";
import { numberRows, sameRows } from "./source/row-numbers.js";
import { openFiles, type Source } from "./source/source.js";
import type { SourceFiles } from "./source/source-files.js";
import { type TargetWire, targetWire } from "./source/target-query.js";
import { leftOut, sampledWeight } from "./split/sample-negatives.js";
import { predicatesOf, type SplitQuery, splitColumns } from "./split/split-query.js";

/** The sections of a config that say what is read of a source. */
export interface JobConfig {
  readonly data: DataConfig;
  readonly features: readonly FeatureConfig[];
}

/** An opened source, and how its columns are read. */
export interface Job extends SplitQuery {
  /** The SQL expressions of each feature. */
  readonly wires: readonly (readonly Wire[])[];
  readonly labels: readonly TargetWire[];
  readonly weight?: TargetWire;
  /** SQL: true for rows of the training split that are not trained on. */
  readonly leftOut?: string;
}

/** What a run reads of its sources. */
export function demandOf({ data, features }: JobConfig): Demand {
  const { label, weight, split = {}, cursor } = data;
  const targets = [...labelNames(label), ...(weight === undefined ? [] : [weight])];
  const wants = columnWants(features.map(readingOf), targets);
  for (const column of [...splitColumns(split), ...(cursor === undefined ? [] : [cursor])])
    wants.set(column, "text");
  return { wants, sql: predicatesOf(split) };
}

/** A source to open. */
export interface JobSource {
  readonly source: SourceConfig;
  /** The config path, for errors. */
  readonly where: string;
  readonly files: SourceFiles;
  /** What texts mean, and the types that the training data settled. */
  readonly rules: TextRules;
  /** Divides the rows into splits. */
  readonly divide: (source: Source) => Promise<SplitQuery>;
}

/** Opens a source, whose values are read as those of the training data. @throws ConfigError, DataError */
export async function openJobSource(
  duck: Duck,
  config: JobConfig,
  { source, where, files, rules }: Omit<JobSource, "divide">,
): Promise<Source> {
  const demand = laterDemand(demandOf(config), source, rules);
  return withHistories(duck, await openFiles(duck, source, files, where, demand), source, {
    files,
    demand,
    rules,
  });
}

/** @throws ConfigError, DataError */
export async function openJob(duck: Duck, config: JobConfig, source: JobSource): Promise<Job> {
  const { data, features } = config;
  const { label, weight } = data;
  const opened = await openJobSource(duck, config, source);
  const query = await source.divide(opened);
  const labels: TargetWire[] = [];
  for (const name of labelNames(label)) labels.push(await targetWire(duck, name, opened, "data.label"));
  const job = {
    ...query,
    wires: features.map((feature, i) => readingWires(readingOf(feature), opened, `features[${i}]`)),
    labels,
    ...(weight !== undefined && { weight: await targetWire(duck, weight, opened, "data.weight") }),
  };
  return sampled(duck, data, job);
}

/** Samples the negative rows of the training split, if the config wants that. */
async function sampled(duck: Duck, { sampleNegatives }: DataConfig, job: Job): Promise<Job> {
  const [{ name, predicate }] = job.splits;
  if (sampleNegatives === undefined || name !== "train") return job;
  const { labels, weight } = job;
  return {
    ...job,
    source: await numberRows(duck, job.source, "data.sampleNegatives"),
    weight: sampledWeight(sampleNegatives, labels, weight, predicate),
    leftOut: leftOut(sampleNegatives, labels),
  };
}

/** Checks that every scan reads the rows of the training split in the same order, if a feature has values for them. */
export async function inOrder(duck: Duck, features: readonly FeatureConfig[], job: Job): Promise<Job> {
  if (job.splits[0].name !== "train" || !features.some(targetRuleOf)) return job;
  return { ...job, source: await sameRows(duck, job.source, "a targetMean feature") };
}

/** The labels and weights that a job encodes. */
export function targetsOf({ label, weight }: DataConfig, labels: LabelKind, job: Job): Targets {
  return {
    label: labelNames(label).map((column, k) => ({ column, wire: job.labels[k] })),
    labels,
    ...(job.weight && { weight: { column: weight ?? WEIGHT_COLUMN, wire: job.weight } }),
  };
}
