import { constants, existsSync, readFileSync, type Stats, statSync } from "node:fs";
import { lstat, open, readdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { CheckpointError, messageOf, PairloomError } from "../errors.js";

/** A file operation failed. It says nothing about whether the file is there or sound, unless {@link isAbsent}. */
export class DiskError extends CheckpointError {}

/** The checkpoint has a format that this version cannot read. It says nothing about whether the checkpoint is sound. */
export class UnsupportedError extends CheckpointError {}

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

/** True if the operation failed because there is no such file, also where links lead to none. */
export function isAbsent(error: unknown): boolean {
  const code = codeOf(error instanceof DiskError ? error.cause : error);
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP";
}

/** True for an error that says that a checkpoint is incomplete or damaged, and not only that it cannot be read now or here. */
export function isDamage(error: unknown): error is PairloomError {
  if (error instanceof DiskError) return isAbsent(error);
  return error instanceof PairloomError && !(error instanceof UnsupportedError);
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

/** The size of a regular file in bytes. @throws CheckpointError for what is not a regular file, DiskError */
export async function sizeOf(path: string): Promise<number> {
  const status = await onDisk("the file cannot be read", path, () => stat(path));
  refuseOtherThanFile(status, path);
  return status.size;
}

function refuseOtherThanFile(status: Stats, path: string): void {
  if (status.isFile()) return;
  throw new CheckpointError({
    what: "there is something else in place of a file",
    where: path,
    got: status.isDirectory() ? "a directory" : "a pipe, a socket or a device",
    expected: "a regular file",
    next: "Move it away. If it is part of a checkpoint, copy the file again, or use another checkpoint of the run.",
  });
}

/** A file that is open for reading. The types of Node.js are not named, because programs that use the package may not have them. */
export interface OpenedFile {
  read(
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  readFile(encoding: "utf8"): Promise<string>;
  stat(): Promise<{ readonly size: number }>;
  close(): Promise<void>;
}

/**
 * Opens a regular file. Others are refused before they are opened: a pipe may never have data, a device has no end.
 * @throws CheckpointError for what is not a regular file, DiskError
 */
export async function openToRead(path: string): Promise<OpenedFile> {
  await sizeOf(path);
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0); // never waits, also if the file has just been replaced
  return onDisk("the file cannot be opened", path, () => open(path, flags));
}

/** The longest text that JavaScript can hold. */
const MAX_TEXT_BYTES = 2 ** 29 - 24;

/**
 * The text of a file of at most `limit` bytes.
 * @throws CheckpointError for a longer one, and for what is not a regular file, DiskError
 */
export async function readText(path: string, limit = MAX_TEXT_BYTES): Promise<string> {
  const file = await openToRead(path);
  try {
    return await onDisk("the file cannot be read", path, async () => {
      const { size } = await file.stat();
      if (size > limit) throw tooLong(path, size, limit);
      return size === 0 ? "" : await file.readFile("utf8");
    });
  } finally {
    await file.close();
  }
}

/** {@link readText} of a whole file, blocking. @throws CheckpointError for what is not a regular file, DiskError */
export function readTextSync(path: string): string {
  return onDiskSync("the file cannot be read", path, () => {
    refuseOtherThanFile(statSync(path), path);
    return readFileSync(path, "utf8");
  });
}

function tooLong(where: string, got: number, limit: number): CheckpointError {
  return new CheckpointError({
    what: "the file is too long",
    where,
    got: `${got} bytes`,
    expected: `at most ${limit} bytes`,
    next: "Move it away. If it is part of a checkpoint, copy the file again, or use another checkpoint of the run.",
  });
}

/** The names in a directory. */
export const namesIn = (path: string): Promise<string[]> =>
  onDisk("the directory cannot be read", path, () => readdir(path));

/** True if the name exists, also that of a link that leads nowhere. @throws DiskError if that cannot be known */
export async function exists(path: string): Promise<boolean> {
  const status = onDisk("the path cannot be read", path, () => lstat(path));
  return (await unlessAbsent(status)) !== undefined;
}

/** Errors of other kinds are returned as they are. */
export function asDiskError(error: unknown, what: string, where: string): unknown {
  const code = codeOf(error);
  if (code === undefined || error instanceof CheckpointError) return error;
  if (code === "ENOENT" && !existsSync(dirname(where))) {
    const next = "Check the path, or make the folder. If another process removed it, repeat the command.";
    return new DiskError({ what, where, got: `no folder ${dirname(where)}`, next }, { cause: error });
  }
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
    case "EEXIST":
      return "Choose another path, or move the file that is there away.";
    case "ENOENT":
    case "ENOTDIR":
      return "Check the path. If another process removed the file, repeat the command.";
    default:
      return "Check the disk and its connection, then repeat the command. Complete checkpoints are untouched; continue a run with --resume.";
  }
}
