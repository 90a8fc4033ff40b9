import { mkdir, open, rename } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** Syncs a directory, so that new names in it survive a power cut: a synced file is lost if its name is not synced. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be synced there; NTFS journals names itself
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Creates a directory and its missing parents, and syncs each new name. */
export async function makeDirectory(path: string): Promise<void> {
  const directory = resolve(path);
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made))
    await syncDirectory(dirname(made));
}

/** Writes a new file and syncs its bytes. */
export async function writeNewFile(path: string, text: string): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces a small file atomically: after a crash at any moment, readers find the old text or the new. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `${TEMPORARY_PREFIX}${basename(path)}-${process.pid}-${Date.now()}`);
  await writeNewFile(temporary, text);
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** Prefix of unfinished files and directories. They are never read, and the next pruning removes them. */
export const TEMPORARY_PREFIX = ".tmp-";
