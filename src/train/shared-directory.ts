import { access, constants } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { type RunLock, seesLock } from "../checkpoint/index.js";
import { together } from "../distributed/agree.js";
import { broadcastJson, type World } from "../distributed/world.js";
import { CheckpointError } from "../errors.js";

/** What ranks need that read or write checkpoints together. */
export const ONE_DIRECTORY =
  "All ranks must see the same directory: put it on a file system that all machines share.";

/** Milliseconds in which a file of another machine must be seen, as network file systems show new ones late, and between looks. */
const PATIENCE = 10_000;
const PAUSE = 250;

/**
 * Makes sure that all ranks see, and may write to, the directory in which rank 0 holds the lock, before hours of training. All
 * ranks call it.
 * @param lock of rank 0
 * @throws CheckpointError on a rank for which this is not so, and an error that names this rank on the others
 */
export async function refuseUnshared(
  world: World,
  directory: string,
  lock: RunLock | undefined,
  patience = PATIENCE,
): Promise<void> {
  if (world.size === 1) return;
  const held = await broadcastJson(world, lock?.text);
  await together(world, async () => {
    const until = performance.now() + patience;
    while (!(await seesLock(directory, held))) {
      if (performance.now() >= until) throw notShared(directory);
      await setTimeout(PAUSE);
    }
    await access(directory, constants.W_OK).catch((error) => {
      throw notWritable(directory, error);
    });
  });
}

function notWritable(directory: string, error: Error): CheckpointError {
  return new CheckpointError({
    what: "a rank may not write to the directory",
    where: directory,
    got: error.message,
    expected: "a directory to which all ranks write their parts of checkpoints",
    next: "Mount it for writing on every machine, and give the user of the run the right to write to it.",
  });
}

/** @param directory which this rank does not see as rank 0 does */
export function notShared(directory: string): CheckpointError {
  return new CheckpointError({
    what: "the directory is not that of rank 0",
    where: directory,
    got: "a directory of its own, or none",
    expected: "the files that rank 0 sees",
    next: ONE_DIRECTORY,
  });
}
