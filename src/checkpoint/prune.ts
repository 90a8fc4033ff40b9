import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "./checkpoint.js";
import { listCheckpoints, readPointer } from "./discovery.js";
import { namesIn, onDisk } from "./disk.js";
import { syncDirectory, TEMPORARY_PREFIX, temporaryName } from "./durable.js";
import { checkpointsDir } from "./paths.js";

interface PruneOptions {
  readonly keep: number;
  readonly newest?: Checkpoint;
  readonly found?: readonly Checkpoint[];
}

/**
 * Removes all but the newest `keep` checkpoints, and leftovers of crashed writes. Where there is something to remove, first verifies
 * every byte of the newest that are not verified yet. Never removes the targets of `latest.json` and `best.json`, what a checkpoint that stays
 * is based on, or damaged directories.
 * A run directory has one writer, which calls this after {@link updatePointers}.
 * @param options `newest`: the newest valid checkpoint, if known; directories of later steps stay. `found`: the valid ones up
 * to it, as {@link updatePointers} returns them; they are read if they are not given
 * @returns the directories removed
 * @throws CheckpointError if the newest is invalid, DiskError if anything cannot be read; then nothing is removed
 */
export async function pruneCheckpoints(
  runDir: string,
  { keep, newest, found }: PruneOptions,
): Promise<string[]> {
  const checkpoints = found ?? (await listCheckpoints(runDir, { lastStep: newest?.manifest.step }));
  const pointed = await Promise.all([readPointer(runDir, "latest"), readPointer(runDir, "best")]);
  const stays = checkpoints.filter(
    ({ name }, i) =>
      i >= checkpoints.length - Math.max(keep, 1) || pointed.some((pointer) => pointer?.checkpoint === name),
  );
  const needed = new Set(stays.flatMap(({ chain }) => chain.map(({ name }) => name)));
  const removed = checkpoints.filter(({ name }) => !needed.has(name));
  const root = checkpointsDir(runDir);
  const leftovers = (await namesIn(root)).filter((name) => name.startsWith(TEMPORARY_PREFIX));
  if (removed.length + leftovers.length === 0) return [];
  await (newest ?? checkpoints.at(-1))?.verify();
  // The newest first, so that at any moment each checkpoint has what it is based on.
  for (const checkpoint of removed.toReversed()) await retire(runDir, checkpoint);
  await removeTemporaries(root);
  return removed.map(({ dir }) => dir);
}

/** Renames a checkpoint before deleting it, so that a crash cannot leave a partly deleted checkpoint. */
async function retire(runDir: string, { dir, name }: Checkpoint): Promise<void> {
  const retired = join(checkpointsDir(runDir), temporaryName(`pruned-${name}`));
  await onDisk("the checkpoint cannot be renamed before it is removed", dir, () => rename(dir, retired));
}

async function removeTemporaries(root: string): Promise<void> {
  const temporaries = (await namesIn(root)).filter((name) => name.startsWith(TEMPORARY_PREFIX));
  if (temporaries.length === 0) return;
  await syncDirectory(root);
  for (const path of temporaries.map((name) => join(root, name)))
    await onDisk("it cannot be removed", path, () => rm(path, { recursive: true, force: true }));
}
