import { type FileHandle, open, readdir, readFile, stat } from "node:fs/promises";
import { CheckpointError, messageOf, PairloomError } from "../errors.js";

/** A file operation failed. It says nothing about whether the file is there or sound, unless {@link isAbsent}. */
export class DiskError extends CheckpointError {}

/** Runs a file operation. @throws DiskError that names the path, the cause and the next step */
export async function onDisk<T>(what: string, where: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw asDiskError(error, what, where);
  }
}

/** {@link onDisk} for an operation that blocks. */
export function onDiskSync<T>(what: string, where: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw asDiskError(error, what, where);
  }
}

/** True if the operation failed because there is no such file. */
export function isAbsent(error: unknown): boolean {
  const code = codeOf(error instanceof DiskError ? error.cause : error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** True for an error that says that a checkpoint is incomplete or damaged, and not only that it cannot be read now. */
export function isDamage(error: unknown): error is PairloomError {
  return error instanceof PairloomError && (!(error instanceof DiskError) || isAbsent(error));
}

/** The operation's result; undefined if there is no such file. */
export async function unlessAbsent<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export const openToRead = (path: string): Promise<FileHandle> =>
  onDisk("the file cannot be opened", path, () => open(path, "r"));

export const readText = (path: string): Promise<string> =>
  onDisk("the file cannot be read", path, () => readFile(path, "utf8"));

/** The names in a directory. */
export const namesIn = (path: string): Promise<string[]> =>
  onDisk("the directory cannot be read", path, () => readdir(path));

/** The size of a file in bytes. */
export const sizeOf = (path: string): Promise<number> =>
  onDisk("the file cannot be read", path, async () => (await stat(path)).size);

/** @throws DiskError if that cannot be known */
export async function exists(path: string): Promise<boolean> {
  return (await unlessAbsent(sizeOf(path))) !== undefined;
}

/** Errors of other kinds are returned as they are. */
function asDiskError(error: unknown, what: string, where: string): unknown {
  const code = codeOf(error);
  if (code === undefined || error instanceof CheckpointError) return error;
  return new DiskError({ what, where, got: messageOf(error), next: nextAfter(code) }, { cause: error });
}

/** The code of an error of the operating system, such as `EIO`. */
function codeOf(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

function nextAfter(code: string): string {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "Free space on this disk, then repeat the command. Complete checkpoints are untouched; continue a run with --resume.";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "Give this account the permission, or choose another directory.";
    case "EMFILE":
    case "ENFILE":
      return "Raise the limit of open files (ulimit -n), then repeat the command.";
    case "ENOENT":
    case "ENOTDIR":
      return "Check the path. If another process removed the file, repeat the command.";
    default:
      return "Check the disk and its connection, then repeat the command. Complete checkpoints are untouched; continue a run with --resume.";
  }
}
