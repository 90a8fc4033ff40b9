import { access, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError, PairloomError } from "../errors.js";
import { type Checkpoint, MODEL_FILE, OPTIMIZER_FILE, readCheckpoint } from "./checkpoint.js";
import { makeDirectory, syncDirectory, TEMPORARY_PREFIX, writeNewFile } from "./durable.js";
import { encodeManifest, MANIFEST_FILE, type ManifestContent } from "./manifest.js";
import { checkpointsDir, stepName } from "./paths.js";
import { type TensorSource, writeSafetensors } from "./safetensors-writer.js";

export interface CheckpointContent extends ManifestContent {
  /** Parameters under their stable names. */
  model: Map<string, TensorSource>;
  /** Optimizer state; empty for an optimizer without any. */
  optimizer: Map<string, TensorSource>;
}

/**
 * Writes `<runDir>/checkpoints/step-<step>` so that a crash at any moment leaves either the whole checkpoint or
 * none: files into a fresh temporary directory, each synced, the manifest last, then a rename. A run directory has
 * one writer. The tensors must not change until the promise settles.
 * @throws CheckpointError when a sound checkpoint of that step exists, or the files cannot be written
 */
export async function writeCheckpoint(runDir: string, content: CheckpointContent): Promise<Checkpoint> {
  const root = checkpointsDir(runDir);
  const final = join(root, stepName(content.step));
  await makeDirectory(root);
  await makeRoom(final);
  const temporary = await mkdtemp(join(root, `${TEMPORARY_PREFIX}${stepName(content.step)}-`));
  try {
    await fill(temporary, content);
    await rename(temporary, final);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw asCheckpointError(error, final);
  }
  await syncDirectory(root);
  return readCheckpoint(final);
}

async function fill(dir: string, content: CheckpointContent): Promise<void> {
  const files = {
    [MODEL_FILE]: await writeSafetensors(join(dir, MODEL_FILE), content.model),
    [OPTIMIZER_FILE]: await writeSafetensors(join(dir, OPTIMIZER_FILE), content.optimizer),
  };
  await syncDirectory(dir); // the files' names are on disk before the manifest that vouches for them
  await writeNewFile(join(dir, MANIFEST_FILE), encodeManifest(content, files));
  await syncDirectory(dir);
}

/**
 * A sound checkpoint is never replaced. A damaged one, which a run resumed from an older step meets again, is set
 * aside under another name rather than deleted.
 */
async function makeRoom(final: string): Promise<void> {
  if (!(await exists(final))) return;
  if (await isSound(final)) {
    throw new CheckpointError({
      what: "a checkpoint of this step exists and is not overwritten",
      where: final,
      next: "Resume from the latest checkpoint, or use a new run directory.",
    });
  }
  let aside = `${final}.damaged`;
  for (let copy = 2; await exists(aside); copy++) aside = `${final}.damaged-${copy}`;
  await rename(final, aside);
}

async function isSound(dir: string): Promise<boolean> {
  try {
    await (await readCheckpoint(dir)).verify();
    return true;
  } catch {
    return false;
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function asCheckpointError(error: unknown, where: string): PairloomError {
  if (error instanceof PairloomError) return error;
  const got = error instanceof Error ? error.message : String(error);
  const next = got.includes("ENOSPC") ? "free disk space; the older checkpoints are untouched" : undefined;
  return new CheckpointError(
    { what: "the checkpoint could not be written", where, got, next },
    { cause: error },
  );
}
