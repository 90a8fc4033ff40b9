import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../errors.js";
import { type Checkpoint, MODEL_FILE, OPTIMIZER_FILE, readCheckpoint } from "./checkpoint.js";
import { exists, isDamage, onDisk } from "./disk.js";
import {
  makeDirectory,
  makeTemporaryDirectory,
  renameDurably,
  syncDirectory,
  writeNewFile,
} from "./durable.js";
import { encodeManifest, MANIFEST_FILE, type ManifestContent, type ManifestFiles } from "./manifest.js";
import { checkpointsDir, stepName } from "./paths.js";
import { elementCount } from "./safetensors-header.js";
import { type TensorSource, type WrittenFile, writeSafetensors } from "./safetensors-writer.js";
import { SLOTS, type TableNumbers } from "./table-layout.js";

export interface CheckpointContent extends ManifestContent {
  /** Parameters under their stable names. */
  model: Map<string, TensorSource>;
  /** Optimizer state; empty for an optimizer without any. */
  optimizer: Map<string, TensorSource>;
  /** The embedding tables among these; default none. Their rows are placed and verified in ranges. */
  tables?: readonly TableContent[];
}

/** The tensor names of a table: weights `[rows, dim]` in the model, states `[rows, …]` in the optimizer. */
export interface TableContent {
  readonly name: string;
  readonly states: readonly string[];
}

/**
 * Writes `<runDir>/checkpoints/step-<step>`. A crash at any moment leaves the complete checkpoint or none: files go to
 * a temporary directory, each synced, the manifest last, then the directory is renamed. A run directory has one writer.
 * The tensors must not change until the promise settles.
 * @throws CheckpointError if a valid checkpoint of that step exists; DiskError if the files cannot be written
 */
export async function writeCheckpoint(runDir: string, content: CheckpointContent): Promise<Checkpoint> {
  const root = checkpointsDir(runDir);
  const final = join(root, stepName(content.step));
  await makeDirectory(root);
  await makeRoom(final);
  const temporary = await makeTemporaryDirectory(root, stepName(content.step));
  try {
    await fill(temporary, content);
    await renameDurably(temporary, final);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {}); // the first error is the one to report
    throw error;
  }
  return (await readCheckpoint(final)).trust();
}

async function fill(dir: string, content: CheckpointContent): Promise<void> {
  const { model, optimizer, tables = [] } = content;
  const states = new Set(tables.flatMap((table) => table.states));
  const inRanges = new Set(tables.map(({ name }) => name));
  const written = {
    [MODEL_FILE]: await writeTensors(join(dir, MODEL_FILE), model, inRanges),
    [OPTIMIZER_FILE]: await writeTensors(join(dir, OPTIMIZER_FILE), optimizer, states),
  };
  await syncDirectory(dir); // sync the files' names before writing the manifest that lists them
  await writeNewFile(join(dir, MANIFEST_FILE), encodeManifest(content, describeFiles(content, written)));
  await syncDirectory(dir);
}

const writeTensors: typeof writeSafetensors = (path, ...content) =>
  onDisk("the file cannot be written", path, () => writeSafetensors(path, ...content));

function describeFiles(
  { model, optimizer, tables = [] }: CheckpointContent,
  written: Readonly<Record<string, WrittenFile>>,
): ManifestFiles {
  const files = Object.entries(written).map(([name, { bytes, sha256 }]) => [name, { bytes, sha256 }]);
  const numbers = (name: string, { dtype, shape }: TensorSource, file: string): TableNumbers => ({
    name,
    dim: elementCount(shape.slice(1)),
    dtype: dtype as TableNumbers["dtype"],
    ranges: [...written[file].ranges.get(name)!],
  });
  return {
    tables: tables.map(({ name, states }) => ({
      ...numbers(name, model.get(name)!, MODEL_FILE),
      rows: model.get(name)!.shape[0],
      states: states.map((state) => numbers(state, optimizer.get(state)!, OPTIMIZER_FILE)),
      slots: SLOTS,
      order: "rows" as const,
    })),
    files: Object.fromEntries(files),
  };
}

/**
 * A valid checkpoint is never replaced. A damaged one, found again by a run resumed from an older step, is renamed
 * instead of deleted.
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
  await onDisk("the damaged checkpoint cannot be renamed", final, () => rename(final, aside));
}

async function isSound(dir: string): Promise<boolean> {
  try {
    await (await readCheckpoint(dir)).verify();
    return true;
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}
