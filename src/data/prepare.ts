import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConfigError, DataError, messageOf, PairloomError } from "../errors.js";
import { layoutOf } from "../features/block.js";
import { fitFeatures } from "../features/fit.js";
import type { FittedFeatures } from "../features/fitted.js";
import { readingOf } from "../features/reading.js";
import { type FeatureConfig, fileOf } from "../features/schema/features.js";
import type { LabelKind } from "../features/targets.js";
import { labelNames } from "../features/targets.js";
import { type DataConfig, type SplitName, splitNames } from "./data-config.js";
import { ChunkEncoder } from "./encode/chunk-encoder.js";
import { learnStatistics, whereSql } from "./learn/learn.js";
import { learnDerived } from "./learn/learn-derived.js";
import { ownedName, removeAbandoned } from "./pack/owned-directory.js";
import { packSource, type SplitTarget, tooManyBadRows } from "./pack/pack-source.js";
import type { PackedDataset } from "./pack/packed.js";
import { PACKED_VERSION } from "./pack/packed-format.js";
import { PackedWriter } from "./pack/packed-writer.js";
import {
  failedDirectory,
  keepQuarantine,
  openPrepared,
  type PreparedData,
  partialDirectory,
  publish,
  writePrepared,
} from "./pack/prepared.js";
import { columnWants, readingWires, targetWire, type Wire } from "./source/column-query.js";
import { verifyCompressed } from "./source/compressed.js";
import { Duck } from "./source/duckdb.js";
import { openSource, type Source, withNullValues } from "./source/source.js";

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
    const jobs = await lookAtSources(duck, options, scratch);
    const directory = join(cacheDir, "packed", keyOf(options, jobs));
    const prepared = openCached(directory, options) ?? (await pack(duck, options, jobs, directory));
    for (const name of splitNames) checkSplit(name, prepared.splits[name], options.data);
    return prepared;
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Creates the folder and deletes files left by killed runs. */
function openCacheDir(path: string): string {
  const cacheDir = resolve(path);
  try {
    for (const folder of ["tmp", "packed"]) {
      mkdirSync(join(cacheDir, folder), { recursive: true });
      removeAbandoned(join(cacheDir, folder));
    }
    return cacheDir;
  } catch (error) {
    throw new ConfigError(
      {
        what: "the folder for packed data cannot be used",
        where: "data.cacheDir",
        got: `${cacheDir}: ${messageOf(error)}`,
        expected: "a folder, or a path where one can be made",
        next: "Set another cacheDir, or fix its permissions.",
      },
      { cause: error },
    );
  }
}

/** A source and the splits it feeds. */
interface Job {
  readonly source: Source;
  readonly splits: readonly { readonly name: SplitName; readonly predicate?: string }[];
  /** The SQL expressions of each feature. */
  readonly wires: readonly (readonly Wire[])[];
  readonly labels: readonly Wire[];
  readonly weight?: Wire;
}

async function lookAtSources(
  duck: Duck,
  { data, features }: PrepareOptions,
  scratch: string,
): Promise<Job[]> {
  const { label, weight } = data;
  const targets = [...labelNames(label), ...(weight === undefined ? [] : [weight])];
  const wants = columnWants(features.map(readingOf), targets);
  const look = async (key: "source" | SplitName, splits: Job["splits"]): Promise<Job> => {
    const opened = await openSource(duck, data[key]!, `data.${key}`, wants, scratch);
    const source = withNullValues(opened, trainingNullValues(data));
    for (const { name, predicate } of splits)
      if (predicate !== undefined)
        await duck.describe(
          `SELECT (${predicate}\n)::BOOLEAN FROM (${source.select()})`,
          `data.split.${name}`,
        );
    return {
      source,
      splits,
      wires: features.map((feature, i) => readingWires(readingOf(feature), source, `features[${i}]`)),
      labels: labelNames(label).map((name) => targetWire(name, source, "data.label")),
      ...(weight !== undefined && { weight: targetWire(weight, source, "data.weight") }),
    };
  };
  const { split } = data;
  if (split) {
    const names = splitNames.filter((name) => split[name] !== undefined);
    return [
      await look(
        "source",
        names.map((name) => ({ name, predicate: split[name] })),
      ),
    ];
  }
  const jobs: Job[] = [];
  for (const name of splitNames) if (data[name]) jobs.push(await look(name, [{ name }]));
  return jobs;
}

/** A hash of everything that affects the packed data, except limits and paths. */
function keyOf({ data, features, labels = "binary" }: PrepareOptions, jobs: readonly Job[]): string {
  const withoutRows = (key: string, value: unknown) => (key === "rows" ? undefined : value);
  const { cacheDir, maxBadRows, ...resolved } = data;
  const files = features.flatMap((feature) => {
    const vocabulary = "vocabulary" in feature ? feature.vocabulary : undefined;
    const file = fileOf(feature);
    const paths = [
      ...(vocabulary && "file" in vocabulary ? [vocabulary.file] : []),
      ...(file ? [file.path] : []),
    ];
    return paths.map(fileState);
  });
  const identity = jobs.map(({ source }) => source.identity);
  const text = JSON.stringify({ PACKED_VERSION, features, labels, resolved, identity, files }, withoutRows);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

function fileState(path: string): unknown {
  const stat = statSync(path, { throwIfNoEntry: false });
  return { path: resolve(path), bytes: stat?.size, modified: stat?.mtimeMs };
}

function openCached(directory: string, { onProgress }: PrepareOptions): PreparedData | undefined {
  if (!existsSync(directory)) return undefined;
  try {
    return openPrepared(directory, true);
  } catch (error) {
    if (!(error instanceof PairloomError)) throw error;
    onProgress?.({ phase: "rebuild", message: error.message });
    rmSync(directory, { recursive: true, force: true });
    return undefined;
  }
}

async function pack(
  duck: Duck,
  options: PrepareOptions,
  jobs: readonly Job[],
  directory: string,
): Promise<PreparedData> {
  const temporary = partialDirectory(directory);
  mkdirSync(temporary);
  try {
    for (const { source } of jobs) await verifyCompressed(source.identity, source.where);
    const fitted = await learn(duck, options, jobs[0]);
    const unassigned = await packJobs(duck, options, jobs, fitted, temporary, directory);
    writePrepared(
      temporary,
      fitted,
      jobs.flatMap((job) => job.splits.map(({ name }) => name)),
      unassigned,
    );
    publish(temporary, directory);
  } catch (error) {
    keepQuarantine(temporary, directory);
    throw error;
  }
  return openPrepared(directory, false);
}

function trainingNullValues({ source, train }: DataConfig): readonly string[] | undefined {
  return (source ?? train)?.nullValues;
}

/** The first job feeds the training split. */
async function learn(
  duck: Duck,
  { data, features, onProgress }: PrepareOptions,
  job: Job,
): Promise<FittedFeatures> {
  onProgress?.({ phase: "learn" });
  const training = whereSql(job.source.select(), job.splits[0].predicate);
  const first = await duck.rows(`SELECT 1 FROM (${training}\n) LIMIT 1`, job.source.where);
  if (first.length === 0) throw emptySplit("train", data);
  const nullValues = trainingNullValues(data);
  const learnt = await learnStatistics(duck, features, job.wires, training);
  const known = { ...learnt, ...(nullValues && { nullValues }) };
  return fitFeatures(features, await learnDerived(duck, features, job.wires, training, known));
}

async function packJobs(
  duck: Duck,
  { data, labels = "binary", onProgress }: PrepareOptions,
  jobs: readonly Job[],
  fitted: FittedFeatures,
  temporary: string,
  directory: string,
): Promise<number> {
  const names = labelNames(data.label);
  const layout = layoutOf(fitted, names.length);
  let unassigned = 0;
  for (const [i, { source, splits, wires, labels: labelWires, weight }] of jobs.entries()) {
    const targets: SplitTarget[] = splits.map((split) => ({
      ...split,
      writer: new PackedWriter(join(temporary, split.name), layout),
    }));
    const encoder = new ChunkEncoder(fitted, wires, {
      label: names.map((column, k) => ({ column, wire: labelWires[k] })),
      labels,
      ...(weight && data.weight !== undefined && { weight: { column: data.weight, wire: weight } }),
    });
    const report = () => {
      for (const { name, writer } of targets) stopEarly(name, writer, directory, data.maxBadRows);
      const rows = targets.reduce((sum, { writer }) => sum + writer.rowsRead, 0);
      onProgress?.({ phase: "pack", splits: splits.map(({ name }) => name), rows });
    };
    try {
      unassigned += await packSource(duck, source, targets, encoder, `rejects${i}`, report);
      for (const { writer } of targets) await writer.finish();
    } catch (error) {
      for (const { writer } of targets) await writer.abandon();
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
  { rowsRead, quarantine }: PackedWriter,
  directory: string,
  limit: number,
): void {
  if (quarantine.count <= limit * Math.max(rowsRead, EARLY_ROWS)) return;
  const path = join(failedDirectory(directory), name, "quarantine.jsonl");
  throw tooManyBadRows(name, { rowsRead, ...quarantine }, path, limit);
}

function checkSplit(name: SplitName, split: PackedDataset | undefined, data: DataConfig): void {
  if (!split) return;
  const { rows, rowsRead, quarantined, reasons, quarantinePath } = split;
  if (rowsRead === 0) throw emptySplit(name, data);
  if (rows === 0 || quarantined > data.maxBadRows * rowsRead)
    throw tooManyBadRows(name, { rowsRead, count: quarantined, reasons }, quarantinePath, data.maxBadRows);
}

function emptySplit(name: SplitName, { source, split }: DataConfig): DataError {
  return new DataError({
    what: `the split ${name} has no rows`,
    where: source ? `data.split.${name}` : `data.${name}`,
    got: source
      ? `no row of data.source satisfies the predicate ${split?.[name]}`
      : "the sql of the source returns no rows",
    expected: "at least one row",
    next: source ? "Compare the predicate with the values of its columns." : "Check the source and its sql.",
  });
}
