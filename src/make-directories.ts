import { mkdirSync } from "node:fs";

/**
 * Creates a directory and those above it.
 * @returns the first one that was missing
 * @throws the error of the system, with its code
 */
export function makeDirectories(path: string): string | undefined {
  try {
    return mkdirSync(path, { recursive: true });
  } catch (error) {
    throw reasonOf(error);
  }
}

/** Where a disk is full or read-only, Node says of several directories only that the one to be made is not there. */
export function reasonOf(error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" || path === undefined) return error;
  try {
    mkdirSync(path);
  } catch (reason) {
    return reason;
  }
  return error;
}
