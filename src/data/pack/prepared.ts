import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { FittedFeatures } from "../../features/fitted.js";
import { type SplitName, splitNames } from "../data-config.js";
import { readCheckedJson, writeCheckedJson } from "./checked-json.js";
import { ownedName } from "./owned-directory.js";
import { PackedDataset } from "./packed.js";
import { packedVersion } from "./packed-format.js";

/** The directory that `prepareData` leaves: a packed split a folder, and a manifest with the fitted features. */

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
  readonly version: number;
  readonly splits: readonly SplitName[];
  readonly unassigned: number;
  readonly features: FittedFeatures;
}

/** @throws DataError where anything is missing or damaged */
export function openPrepared(directory: string, fromCache: boolean): PreparedData {
  const { splits, unassigned, features } = readCheckedJson(
    join(directory, "manifest.json"),
  ) as PreparedManifest;
  const opened = Object.fromEntries(
    splits.map((name) => [name, PackedDataset.open(join(directory, name), fromCache)]),
  ) as unknown as PreparedData["splits"];
  return { features, splits: opened, unassigned, directory, fromCache };
}

/** Writes what {@link openPrepared} reads beside the splits. */
export function writePrepared(
  directory: string,
  features: FittedFeatures,
  splits: readonly SplitName[],
  unassigned: number,
): void {
  const manifest: PreparedManifest = { version: packedVersion, splits, unassigned, features };
  writeCheckedJson(join(directory, "manifest.json"), manifest);
}

/** Where a run packs before it renames; another name at every call. */
export const partialDirectory = (directory: string) => `${directory}.${ownedName()}.partial`;
/** Where the quarantine of a failed run stays. */
export const failedDirectory = (directory: string) => `${directory}.failed`;

/** Gives what is packed its name. Where another process has packed the same meanwhile, its directory stays. */
export function publish(temporary: string, directory: string): void {
  try {
    renameSync(temporary, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** After a failure the quarantine stays, where the error says, and the unfinished columns go. */
export function keepQuarantine(temporary: string, directory: string): void {
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
