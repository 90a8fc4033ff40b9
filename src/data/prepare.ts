import { createHash } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type FloatColumn, LABEL_COLUMN } from "../columns/columns.js";
import { DataError } from "../errors.js";
import { layoutOf } from "../features/block.js";
import { fitFeatures } from "../features/fit.js";
import { type FittedFeatures, statedRules, textRulesOf } from "../features/fitted.js";
import { type FeatureConfig, fileOf, targetRuleOf } from "../features/schema/features.js";
import { packedPart, withTableSettings } from "../features/table-settings.js";
import type { LabelKind } from "../features/targets.js";
import { labelNames } from "../features/targets.js";
import { openCacheDir, packedDirectory } from "./cache-dir.js";
import { type DataConfig, type SplitName, splitNames } from "./data-config.js";
import { ChunkEncoder, type TrainingValues } from "./encode/chunk-encoder.js";
import { demandOf, inOrder, type Job, openJob, targetsOf } from "./job.js";
import { onlyValue, refusedLabels } from "./label-values.js";
import { learnStatistics } from "./learn/learn.js";
import { learnDerived } from "./learn/learn-derived.js";
import type { TargetQuery } from "./learn/target-query.js";
import { ownedName } from "./pack/owned-directory.js";
import { encodingSteps, packSource, type SplitTarget, tooManyBadRows } from "./pack/pack-source.js";
import type { PackedDataset } from "./pack/packed.js";
import { PACKED_VERSION } from "./pack/packed-format.js";
import { PackedWriter } from "./pack/packed-writer.js";
import { failedDirectory, openCached, type PreparedData, packInto, writePrepared } from "./pack/prepared.js";
import { readQuarantine } from "./pack/quarantine.js";
import { verifyCompressed } from "./source/compressed.js";
import { Duck, quoteName } from "./source/duckdb.js";
import { NO_ROWS } from "./source/rejects.js";
import type { Source } from "./source/source.js";
import { findFiles, type SourceFiles } from "./source/source-files.js";
import { sqlFiles } from "./source/sql-files.js";
import { predicatesOf, querySplits, SPLIT_COLUMN } from "./split/split-query.js";
import { firstPosition } from "./stretch/first-position.js";

export interface PrepareOptions {
  readonly data: DataConfig;
  readonly features: readonly FeatureConfig[];
  /** The labels allowed; other rows are quarantined. Default `binary`. */
  readonly labels?: LabelKind;
  readonly onProgress?: (progress: PrepareProgress) => void;
}

export type PrepareProgress =
  | { readonly phase: "learn" }
  /** Reports the `rows` read so far from the source that is being packed for `splits`. */
  | { readonly phase: "pack"; readonly splits: readonly SplitName[]; readonly rows: number }
  /** Called if packed data of an earlier run is damaged. The data is then packed again. */
  | { readonly phase: "rebuild"; readonly message: string };

/**
 * Turns the data section of a config into columns that an executor can read. It opens the sources, learns what features
 * need from the training split, and packs every split. If an earlier run with the same config and files has packed them, it
 * opens those files instead.
 *
 * @throws ConfigError if a name or type in the config does not fit the source
 * @throws DataError if a source cannot be read or too many of its rows are bad
 */
export async function prepareData(options: PrepareOptions): Promise<PreparedData> {
  const cacheDir = openCacheDir(options.data.cacheDir);
  const scratch = join(cacheDir, "tmp", ownedName());
  const duck = await Duck.open(scratch);
  try {
    const shares = await findShares(duck, options, scratch);
    const key = keyOf(options, shares, await filesOfSplit(duck, options.data));
    const directory = packedDirectory(cacheDir, key);
    const onDamaged = (message: string) => options.onProgress?.({ phase: "rebuild", message });
    const prepared = openCached(directory, onDamaged) ?? (await pack(duck, options, shares, directory));
    for (const name of splitNames) checkSplit(name, prepared.splits[name], options.data);
    return { ...prepared, features: withTableSettings(prepared.features, options.features) };
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The files of a source; `source` feeds all splits, others feed the split that they are named after. */
interface Share {
  readonly key: "source" | SplitName;
  readonly files: SourceFiles;
}

async function findShares(duck: Duck, { data, features }: PrepareOptions, scratch: string): Promise<Share[]> {
  const demand = demandOf({ data, features });
  const shares: Share[] = [];
  for (const key of ["source", ...splitNames] as const) {
    const config = data[key];
    if (config) shares.push({ key, files: await findFiles(duck, config, `data.${key}`, scratch, demand) });
  }
  return shares;
}

/** The files that predicates read. */
async function filesOfSplit(duck: Duck, { split = {} }: DataConfig): Promise<string[]> {
  const files: string[] = [];
  for (const predicate of predicatesOf(split))
    files.push(...(await sqlFiles(duck, `SELECT (${predicate}\n)`, "data.split")));
  return files;
}

async function openShare(
  duck: Duck,
  options: PrepareOptions,
  { key, files }: Share,
  trained: Pick<Source, "types" | "tableTypes" | "timeUnits"> = {},
): Promise<Job> {
  const { data, features } = options;
  const job = await openJob(duck, options, {
    source: data[key]!,
    where: `data.${key}`,
    files,
    rules: {
      ...statedRules((data.source ?? data.train)!),
      types: trained.types,
      tableTypes: trained.tableTypes,
      timeUnits: trained.timeUnits,
    },
    divide: async (source) =>
      key === "source" ? querySplits(duck, source, data.split!) : { source, splits: [{ name: key }] },
  });
  return inOrder(duck, features, job);
}

/** A hash of everything that affects the packed data, except limits and paths. */
function keyOf(
  { data, features, labels = "binary" }: PrepareOptions,
  shares: readonly Share[],
  filesOfSplit: readonly string[],
): string {
  const withoutRows = (key: string, value: unknown) => (key === "rows" ? undefined : value);
  const { cacheDir, maxBadRows, continue: _, ...resolved } = data;
  const filesOfFeatures = features.flatMap((feature) => {
    const vocabulary = "vocabulary" in feature ? feature.vocabulary : undefined;
    const file = fileOf(feature);
    return [...(vocabulary && "file" in vocabulary ? [vocabulary.file] : []), ...(file ? [file.path] : [])];
  });
  const files = [...filesOfFeatures, ...filesOfSplit].map(fileState);
  const identity = shares.map((share) => share.files.identity);
  const text = JSON.stringify(
    { PACKED_VERSION, features: features.map(packedPart), labels, resolved, identity, files },
    withoutRows,
  );
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

function fileState(path: string): unknown {
  const stat = statSync(path, { throwIfNoEntry: false });
  return { path: resolve(path), bytes: stat?.size, modified: stat?.mtimeMs };
}

async function pack(
  duck: Duck,
  options: PrepareOptions,
  shares: readonly Share[],
  directory: string,
): Promise<PreparedData> {
  const jobs: Job[] = [];
  // The first source feeds the training split: the others are read with its types.
  for (const share of shares) jobs.push(await openShare(duck, options, share, jobs[0]?.source));
  return packInto(directory, async (temporary) => {
    for (const { source } of jobs) await verifyCompressed(source.identity, source.where);
    const read = await firstPosition(duck, options.data, shares[0].files, jobs[0].source);
    const learned = await learn(duck, options, jobs[0]);
    const unassigned = await packJobs(duck, options, jobs, learned, temporary, directory);
    const keys = jobs.flatMap(({ source }) => Object.entries(source.keys ?? {}));
    writePrepared(temporary, {
      features: learned.fitted,
      splits: jobs.flatMap((job) => job.splits.map(({ name }) => name)),
      starts: jobs[0].starts,
      unassigned,
      ...(keys.length > 0 && { keys: Object.fromEntries(keys) }),
      read,
    });
  });
}

/** The first job feeds the training split. */
interface Learned {
  readonly fitted: FittedFeatures;
  readonly training: TrainingValues;
}

async function learn(duck: Duck, options: PrepareOptions, job: Job): Promise<Learned> {
  const { data, features, onProgress } = options;
  onProgress?.({ phase: "learn" });
  const [{ predicate = "true" }] = job.splits;
  const trained = job.leftOut === undefined ? predicate : `(${predicate}\n) AND NOT (${job.leftOut})`;
  const training = `SELECT * FROM (${job.source.select()}) WHERE (${trained}\n)`;
  const first = await duck.rows(`SELECT 1 FROM (${training}\n) LIMIT 1`, job.source.where);
  if (first.length === 0) throw emptySplit("train", data, await malformedReasons(duck, job.source));
  const learnt = await learnStatistics(duck, features, job.wires, training);
  const { wires, source } = job;
  const { types, tableTypes, timeUnits, textTypes } = source;
  const stated = statedRules((data.source ?? data.train)!);
  const known = { ...learnt, ...textRulesOf({ ...stated, types, tableTypes, timeUnits, textTypes }) };
  const learned = await learnDerived(
    duck,
    { features, wires, training, target: targetOf(options, job) },
    known,
  );
  return {
    fitted: fitFeatures(features, learned.statistics),
    training: { isTraining: `(${trained}\n)`, byFeature: learned.trainingValues },
  };
}

function targetOf({ data, features, labels = "binary" }: PrepareOptions, job: Job): TargetQuery | undefined {
  if (!features.some(targetRuleOf)) return undefined;
  const [label] = job.labels;
  const time = data.split?.time === undefined ? undefined : quoteName(SPLIT_COLUMN);
  return { label, labels, weight: job.weight, time };
}

async function packJobs(
  duck: Duck,
  { data, labels = "binary", onProgress }: PrepareOptions,
  jobs: readonly Job[],
  { fitted, training }: Learned,
  temporary: string,
  directory: string,
): Promise<number> {
  const layout = layoutOf(fitted, labelNames(data.label).length);
  let unassigned = 0;
  for (const [i, job] of jobs.entries()) {
    const { splits, wires } = job;
    // First: after an error, nobody would close the files of the writers.
    const targets = targetsOf(data, labels, job);
    const encoder = new ChunkEncoder(fitted, wires, targets, i === 0 ? { training } : {});
    const writers: SplitTarget[] = splits.map((split) => ({
      ...split,
      writer: new PackedWriter(join(temporary, split.name), layout),
    }));
    const report = () => {
      for (const { name, writer } of writers) stopEarly(name, writer, directory, data.maxBadRows);
      const rows = writers.reduce((sum, { writer }) => sum + writer.rowsRead, 0);
      onProgress?.({ phase: "pack", splits: splits.map(({ name }) => name), rows });
    };
    try {
      unassigned += await packSource(duck, { ...job, splits: writers }, encoder, `rejects${i}`, report);
      for (const { writer } of writers) await writer.finish();
    } catch (error) {
      for (const { writer } of writers) await writer.abandon();
      throw error;
    }
    report();
  }
  return unassigned;
}

/** After this many rows, a scan stops as soon as the limit of bad rows is exceeded, instead of at its end. */
const EARLY_ROWS = 100_000;

function stopEarly(
  name: SplitName,
  { rows, quarantine }: PackedWriter,
  directory: string,
  limit: number,
): void {
  const used = rows + quarantine.count;
  if (quarantine.count <= limit * Math.max(used, EARLY_ROWS)) return;
  const path = join(failedDirectory(directory), name, "quarantine.jsonl");
  const { count, reasons, firstRows } = quarantine;
  throw tooManyBadRows(
    name,
    { rows: used, count, reasons },
    path,
    limit,
    refusedLabels(firstRows, undefined),
  );
}

function checkSplit(name: SplitName, split: PackedDataset | undefined, data: DataConfig): void {
  if (!split) return;
  const { rows, rowsRead, quarantined, reasons, quarantinePath } = split;
  if (rowsRead === 0) throw emptySplit(name, data);
  const used = rows + quarantined;
  const label = split.columns.get(LABEL_COLUMN) as FloatColumn;
  const accepted = label.width === 1 ? onlyValue(label, 0, rows) : undefined;
  if (rows === 0 || quarantined > data.maxBadRows * used)
    throw tooManyBadRows(
      name,
      { rows: used, count: quarantined, reasons },
      quarantinePath,
      data.maxBadRows,
      refusedLabels(readQuarantine(quarantinePath), accepted),
    );
}

/** How often rows are malformed, by reason. */
async function malformedReasons(duck: Duck, source: Source): Promise<Record<string, number>> {
  const reasons: Record<string, number> = {};
  // Reads all values, which lists the malformed rows.
  await duck.rows(`SELECT bit_xor(hash(COLUMNS(*))) FROM (${source.select(REJECTS)})`, source.where);
  const unread = await source.unread?.(REJECTS, NO_ROWS);
  for await (const { reason } of unread?.malformed ?? []) reasons[reason] = (reasons[reason] ?? 0) + 1;
  return reasons;
}

const REJECTS = "without_split";

/** @param malformed of the source, if no row of it is in the split */
function emptySplit(
  name: SplitName,
  { source, split }: DataConfig,
  malformed: Readonly<Record<string, number>> = {},
): DataError {
  const rows = split
    ? `no row of data.source belongs to it: ${JSON.stringify(split)}`
    : "the source gives no rows";
  const refused = Object.entries(malformed).map(([reason, times]) => `${times} × ${reason}`);
  const corrected = `${["Correct the malformed rows", ...encodingSteps(Object.keys(malformed))].join(", or ")}.`;
  const compared = split
    ? "Compare split with the values of the columns that it reads."
    : "Check the source and its sql.";
  return new DataError({
    what: `the split ${name} has no rows`,
    where: source ? `data.split.${name}` : `data.${name}`,
    got: [rows, ...refused.slice(0, 5)].join("; "),
    expected: "at least one row",
    next: refused.length > 0 ? corrected : compared,
  });
}
