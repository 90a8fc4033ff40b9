import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type SplitName, splitNames } from "../config/data.js";
import { DataError } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";
import { crc32 } from "./crc32.js";
import { PackedDataset } from "./packed.js";

/** The directory that `prepareData` leaves: one packed split beside the other, and the fitted features. */

/** Features fitted to the training split, and every split packed. */
export interface PreparedData {
  readonly features: FittedFeatures;
  readonly splits: {
    readonly train: PackedDataset;
    readonly valid?: PackedDataset;
    readonly test?: PackedDataset;
  };
  /** Rows of `data.source` that satisfy no predicate of `data.split`. */
  readonly unassigned: number;
  readonly directory: string;
  readonly fromCache: boolean;
}

interface PreparedManifest {
  readonly splits: readonly SplitName[];
  readonly unassigned: number;
  readonly features: { readonly bytes: number; readonly crc32: number };
}

/** @throws DataError where anything is missing or damaged */
export function openPrepared(directory: string, fromCache: boolean): PreparedData {
  const { splits, unassigned, features } = readChecked(directory);
  const opened = Object.fromEntries(
    splits.map((name) => [name, PackedDataset.open(join(directory, name), fromCache)]),
  ) as unknown as PreparedData["splits"];
  return { features, splits: opened, unassigned, directory, fromCache };
}

function readChecked(directory: string) {
  try {
    const read = (name: string) => readFileSync(join(directory, name));
    const manifest = JSON.parse(read("manifest.json").toString()) as PreparedManifest;
    const bytes = read("features.json");
    if (crc32(bytes) === manifest.features.crc32)
      return { ...manifest, features: JSON.parse(bytes.toString()) as FittedFeatures };
  } catch (error) {
    throw damaged(directory, (error as Error).message);
  }
  throw damaged(directory, "a wrong checksum of features.json");
}

function damaged(where: string, got: string): DataError {
  return new DataError({
    what: "packed data is damaged",
    where,
    got,
    expected: "the files as they were written",
  });
}

/** Writes what {@link openPrepared} reads beside the splits; the manifest last. */
export function writePrepared(
  directory: string,
  fitted: FittedFeatures,
  splits: readonly SplitName[],
  unassigned: number,
): void {
  const bytes = Buffer.from(JSON.stringify(fitted));
  writeFileSync(join(directory, "features.json"), bytes);
  const features = { bytes: bytes.length, crc32: crc32(bytes) };
  const manifest: PreparedManifest = { splits, unassigned, features };
  writeFileSync(join(directory, "manifest.json"), JSON.stringify(manifest));
}

/** Where a run packs before it renames. */
export const partialDirectory = (directory: string) => `${directory}.${process.pid}.partial`;
/** Where the quarantine of a failed run stays. */
export const failedDirectory = (directory: string) => `${directory}.failed`;

/** After a failure the quarantine stays, where the error says, and the unfinished columns go. */
export function keepQuarantine(directory: string): void {
  const temporary = partialDirectory(directory);
  const failed = failedDirectory(directory);
  rmSync(failed, { recursive: true, force: true });
  for (const name of splitNames) {
    const path = join(temporary, name, "quarantine.jsonl");
    if (!existsSync(path) || statSync(path).size === 0) continue;
    mkdirSync(join(failed, name), { recursive: true });
    renameSync(path, join(failed, name, "quarantine.jsonl"));
  }
  rmSync(temporary, { recursive: true, force: true });
}
