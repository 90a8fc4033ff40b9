import { randomUUID } from "node:crypto";
import { mkdir, open, rename } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { makeDirectories } from "../make-directories.js";
import { onDisk, onDiskSync } from "./disk.js";

/** Syncs a directory, so that new names in it survive a power cut: a synced file is lost if its name is not synced. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be synced there; NTFS journals names itself
  await onDisk("the directory cannot be synced", path, async () => {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  });
}

/** Creates a directory and its missing parents, and syncs each new name. */
export async function makeDirectory(path: string): Promise<void> {
  const directory = resolve(path);
  const first = onDiskSync("the directory cannot be created", path, () => makeDirectories(directory));
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made))
    await syncDirectory(dirname(made));
}

/** Creates a directory that no other process uses, readable by those that the umask allows. */
export async function makeTemporaryDirectory(parent: string, name: string): Promise<string> {
  const path = join(parent, temporaryName(name));
  await onDisk("the directory cannot be created", path, () => mkdir(path));
  return path;
}

/**
 * Writes a new file and syncs its bytes.
 * @param where the file that an error names
 */
export function writeNewFile(path: string, text: string, where = path): Promise<void> {
  return onDisk("the file cannot be written", where, async () => {
    const file = await open(path, "wx");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** Renames a file or directory and syncs the name. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await onDisk("the file cannot be renamed", to, () => rename(from, to));
  await syncDirectory(dirname(to));
}

/** Replaces a small file atomically: after a crash at any moment, readers find the old text or the new. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  await writeNewFile(temporary, text, path);
  await renameDurably(temporary, path);
}

/** Prefix of unfinished files and directories. They are never read, and the next pruning removes them. */
export const TEMPORARY_PREFIX = ".tmp-";

/** A name that no other process uses. */
export const temporaryName = (name: string) => `${TEMPORARY_PREFIX}${name}-${randomUUID()}`;
