import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { layoutOf } from "../../features/block.js";
import type { FittedFeatures } from "../../features/fitted.js";
import { withTableSettings } from "../../features/table-settings.js";
import { type LabelKind, labelNames } from "../../features/targets.js";
import { openCacheDir, packedDirectory } from "../cache-dir.js";
import { ChunkEncoder } from "../encode/chunk-encoder.js";
import { type Job, type JobConfig, openJob, targetsOf } from "../job.js";
import { refusedLabels } from "../label-values.js";
import { ownedName } from "../pack/owned-directory.js";
import { packSource, tooManyBadRows } from "../pack/pack-source.js";
import type { PackedDataset } from "../pack/packed.js";
import { PACKED_VERSION } from "../pack/packed-format.js";
import { PackedWriter } from "../pack/packed-writer.js";
import { openCached, type PreparedData, packInto, writePrepared } from "../pack/prepared.js";
import { readQuarantine } from "../pack/quarantine.js";
import { Duck } from "../source/duckdb.js";
import { growVocabularies } from "./grow.js";
import type { GrowingSource } from "./growing-source.js";
import { type Reads, START } from "./position.js";

export interface StretchOptions extends JobConfig {
  readonly source: GrowingSource;
  readonly reads: Reads;
  /** The labels allowed; other rows are quarantined. */
  readonly labels: LabelKind;
  /** The features of the model that goes on. */
  readonly fitted: FittedFeatures;
  /** The name of its packed data. */
  readonly name: string;
  /** Called with the number of rows read so far. */
  readonly onRows: (rows: number) => void;
}

/** A stretch that is ready for training. */
export interface PreparedStretch {
  readonly rows: PackedDataset;
  /** With the values that grown vocabularies have got from the stretch. */
  readonly features: FittedFeatures;
  /** The number of new values of each vocabulary that has got any. */
  readonly added: Readonly<Record<string, number>>;
  /** The name of the packed data, which may be deleted when the stretch has been trained on. */
  readonly name: string;
}

/**
 * Packs a stretch with features that are fitted already: nothing is learned again, except new values of vocabularies that
 * grow. A stretch that this or an earlier process has packed is opened.
 * @throws ConfigError, DataError like `prepareData`
 */
export async function prepareStretch(options: StretchOptions): Promise<PreparedStretch> {
  const cacheDir = openCacheDir(options.data.cacheDir);
  const directory = packedDirectory(cacheDir, options.name);
  const { splits, features } =
    openCached(directory) ?? (await pack(options, directory, join(cacheDir, "tmp", ownedName())));
  const rows = splits.train;
  refuseBad(options, rows);
  const { name, fitted } = options;
  const added = addedValues(fitted, features);
  return { rows, features: withTableSettings(features, options.features), added, name };
}

function addedValues(before: FittedFeatures, now: FittedFeatures): Record<string, number> {
  const counts = Object.entries(now.vocabularies).map(
    ([table, values]) => [table, values.length - before.vocabularies[table].length] as const,
  );
  return Object.fromEntries(counts.filter(([, added]) => added > 0));
}

/**
 * The name of the packed data of a stretch: a hash of all that decides its content.
 * @param stretch identifies it among the stretches of all runs, because a run deletes what it has trained on
 */
export function packedName(
  stretch: string,
  { reads, fitted, labels, data }: Pick<StretchOptions, "reads" | "fitted" | "labels" | "data">,
): string {
  const { cacheDir, maxBadRows, continue: _, ...read } = data;
  const text = JSON.stringify({ PACKED_VERSION, stretch, reads, fitted, labels, read });
  return `stretch-${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
}

async function pack(options: StretchOptions, directory: string, scratch: string): Promise<PreparedData> {
  const { fitted, reads, source } = options;
  const duck = await Duck.open(scratch);
  try {
    return await packInto(directory, async (temporary) => {
      const found = await source.open(duck, reads, scratch);
      const job = await openJob(duck, options, { ...found, rules: fitted });
      const features = await growVocabularies(duck, options.features, fitted, job);
      await packRows(duck, options, job, features, temporary);
      writePrepared(temporary, { features, splits: ["train"], unassigned: 0, read: START });
    });
  } finally {
    duck.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function packRows(
  duck: Duck,
  { data, labels, onRows }: StretchOptions,
  job: Job,
  features: FittedFeatures,
  temporary: string,
): Promise<void> {
  const encoder = new ChunkEncoder(features, job.wires, targetsOf(data, labels, job));
  const layout = layoutOf(features, labelNames(data.label).length);
  const writer = new PackedWriter(join(temporary, "train"), layout);
  const splits = [{ ...job.splits[0], writer }];
  try {
    await packSource(duck, { ...job, splits }, encoder, "rejects", () => onRows(writer.rowsRead));
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** A stretch of fewer rows is judged as if it had this number of rows: one bad message of ten does not stop a run. */
const LEAST_JUDGED = 1_000;

/**
 * A stretch of a topic may be without a usable row: it goes on with the next messages.
 * @throws DataError if too many rows of the stretch were refused
 */
function refuseBad({ data, reads }: StretchOptions, stretch: PackedDataset): void {
  const { rows, quarantined: count, reasons, quarantinePath } = stretch;
  const used = rows + count;
  if ((rows > 0 || "topic" in reads) && count <= data.maxBadRows * Math.max(used, LEAST_JUDGED)) return;
  const labels = refusedLabels(readQuarantine(quarantinePath), undefined);
  throw tooManyBadRows(
    "the new data",
    { rows: used, count, reasons },
    quarantinePath,
    data.maxBadRows,
    labels,
  );
}
