import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "./checkpoint.js";
import { listCheckpoints, readPointer } from "./discovery.js";
import { syncDirectory, TEMPORARY_PREFIX } from "./durable.js";
import { checkpointsDir } from "./paths.js";

/**
 * Removes all but the newest `keep` checkpoints, and leftovers of crashed writes. First verifies every byte of the
 * newest, unless this process wrote it. Never removes the targets of `latest.json` and `best.json`, or damaged
 * directories. A run directory has one writer, which calls this after {@link updatePointers}.
 * @returns the directories removed
 * @throws CheckpointError if the newest is invalid; then nothing is removed
 */
export async function pruneCheckpoints(
  runDir: string,
  { keep, written }: { readonly keep: number; readonly written?: Checkpoint },
): Promise<string[]> {
  const checkpoints = await listCheckpoints(runDir);
  const newest = checkpoints.at(-1);
  await (newest?.dir === written?.dir ? written : newest)?.verify();
  const pointed = await Promise.all([readPointer(runDir, "latest"), readPointer(runDir, "best")]);
  const older = checkpoints.slice(0, -Math.max(keep, 1));
  const removed = older.filter(({ name }) => !pointed.some((pointer) => pointer?.checkpoint === name));
  for (const checkpoint of removed) await retire(runDir, checkpoint);
  await removeTemporaries(checkpointsDir(runDir));
  return removed.map(({ dir }) => dir);
}

/** Renames a checkpoint before deleting it, so that a crash cannot leave a partly deleted checkpoint. */
async function retire(runDir: string, { dir, name }: Checkpoint): Promise<void> {
  await rename(dir, join(checkpointsDir(runDir), `${TEMPORARY_PREFIX}pruned-${name}`));
}

async function removeTemporaries(root: string): Promise<void> {
  const names = await readdir(root).catch(() => [] as string[]);
  const temporaries = names.filter((name) => name.startsWith(TEMPORARY_PREFIX));
  if (temporaries.length === 0) return;
  await syncDirectory(root);
  for (const name of temporaries) await rm(join(root, name), { recursive: true, force: true });
}
