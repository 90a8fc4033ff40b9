import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { DataError, messageOf, PairloomError } from "../../errors.js";
import type { FittedFeatures } from "../../features/fitted.js";
import { type SplitName, splitNames } from "../data-config.js";
import { type HistoryKeys, historyKeysSchema } from "../source/history-keys.js";
import type { SplitStarts } from "../split/split-query.js";
import type { ReaderPosition } from "../stretch/position.js";
import { readCheckedJson, writeCheckedJson } from "./checked-json.js";
import { ownedName } from "./owned-directory.js";
import { PackedDataset } from "./packed.js";
import { count, PACKED_VERSION } from "./packed-format.js";

/** The directory that `prepareData` writes: one folder per packed split, and a manifest with the fitted features. */

/** Features fitted to the training split, and every split packed. */
export interface PreparedData {
  readonly features: FittedFeatures;
  readonly splits: {
    readonly train: PackedDataset;
    readonly valid?: PackedDataset;
    readonly test?: PackedDataset;
  };
  /** Rows of `data.source` that belong to no split. */
  readonly unassigned: number;
  /** With a split by time: when each split starts. */
  readonly starts?: SplitStarts;
  /** By the config path of a table of events: how many of the keys of rows it has. */
  readonly keys?: Readonly<Record<string, HistoryKeys>>;
  /** What has been read of the source that feeds the training split: where `--continue` goes on. */
  readonly read: ReaderPosition;
  readonly directory: string;
  readonly fromCache: boolean;
}

interface PreparedManifest {
  readonly version: number;
  readonly splits: readonly SplitName[];
  readonly unassigned: number;
  readonly starts?: SplitStarts;
  readonly keys?: PreparedData["keys"];
  readonly read: ReaderPosition;
  readonly features: FittedFeatures;
}

/** The names of splits are those of folders. */
const preparedSchema = z.object({
  version: z.literal(PACKED_VERSION),
  splits: z.array(z.enum(splitNames)).refine((splits) => splits.includes("train")),
  unassigned: count,
  keys: z.record(z.string(), historyKeysSchema).optional(),
  read: z.object({}),
  features: z.object({}),
});

/** @throws DataError if anything is missing or damaged */
function openPrepared(directory: string, fromCache: boolean): PreparedData {
  const path = join(directory, "manifest.json");
  const manifest = readCheckedJson(path, preparedSchema) as unknown as PreparedManifest;
  const { splits, unassigned, starts, keys, read, features } = manifest;
  const opened = Object.fromEntries(
    splits.map((name) => [name, PackedDataset.open(join(directory, name), fromCache)]),
  ) as unknown as PreparedData["splits"];
  return { features, splits: opened, unassigned, starts, keys, read, directory, fromCache };
}

/**
 * The packed data of an earlier call, if there is any and it is sound. Damaged data is deleted.
 * @param onDamaged called with what is wrong with it
 */
export function openCached(
  directory: string,
  onDamaged: (message: string) => void = () => undefined,
): PreparedData | undefined {
  if (!existsSync(directory)) return undefined;
  try {
    return openPrepared(directory, true);
  } catch (error) {
    if (!(error instanceof PairloomError)) throw error;
    onDamaged(messageOf(error));
    rmSync(directory, { recursive: true, force: true });
    return undefined;
  }
}

/**
 * Packs into a directory of another name, which is renamed when it is complete. After a failure only its quarantine is kept.
 * @param write writes the splits, and the manifest by {@link writePrepared}
 * @throws DataError also where the disk fails
 */
export async function packInto(
  directory: string,
  write: (temporary: string) => Promise<void>,
): Promise<PreparedData> {
  const temporary = partialDirectory(directory);
  try {
    mkdirSync(temporary);
    await write(temporary);
    publish(temporary, directory);
  } catch (error) {
    try {
      keepQuarantine(temporary, directory);
    } catch {} // the first error says more
    throw isFrom(temporary, error) ? unwritten(directory, error) : error;
  }
  return openPrepared(directory, false);
}

/** True for errors of the operating system, those without a path too, but for those of files elsewhere. */
function isFrom(folder: string, error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error && "syscall" in error && (!("path" in error) || `${error.path}`.startsWith(folder))
  );
}

function unwritten(directory: string, error: Error): DataError {
  return new DataError(
    {
      what: "packed data cannot be written",
      where: directory,
      got: error.message,
      next: "Free space on this disk or repair it, or set another data.cacheDir. Then repeat the command.",
    },
    { cause: error },
  );
}

/** Writes the manifest that {@link openPrepared} reads. */
export function writePrepared(directory: string, manifest: Omit<PreparedManifest, "version">): void {
  writeCheckedJson(join(directory, "manifest.json"), { version: PACKED_VERSION, ...manifest });
}

/** The directory to pack into before it is renamed; a new name for every call. */
const partialDirectory = (directory: string) => `${directory}.${ownedName()}.partial`;
/** The directory that keeps the quarantine of a failed run. */
export const failedDirectory = (directory: string) => `${directory}.failed`;

/** Renames the packed directory. If another process has packed the same data meanwhile, its directory is kept. */
function publish(temporary: string, directory: string): void {
  try {
    renameSync(temporary, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** After a failure: keeps the quarantine where the error says, and deletes the incomplete columns. */
function keepQuarantine(temporary: string, directory: string): void {
  for (const name of splitNames) {
    const path = join(temporary, name, "quarantine.jsonl");
    const kept = join(failedDirectory(directory), name, "quarantine.jsonl");
    rmSync(kept, { force: true });
    if (!existsSync(path) || statSync(path).size === 0) continue;
    mkdirSync(dirname(kept), { recursive: true });
    renameSync(path, kept);
  }
  rmSync(temporary, { recursive: true, force: true });
}
