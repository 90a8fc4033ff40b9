import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Creates a directory and those above it, one by one: the `recursive` of Node says of a full or read-only disk only that the
 * directory is missing, and never ends where the system says so of a directory that is there, as in /proc.
 * @returns the first one that was missing
 * @throws the error of the system, with its code
 */
export function makeDirectories(path: string): string | undefined {
  if (isDirectory(path)) return undefined;
  const above = dirname(path);
  const first = above === path ? undefined : makeDirectories(above);
  try {
    mkdirSync(path);
  } catch (error) {
    if (!isDirectory(path)) throw error;
    return first; // another process was faster
  }
  return first ?? path;
}

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
