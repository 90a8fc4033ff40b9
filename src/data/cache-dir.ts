import { join, resolve } from "node:path";
import { ConfigError, messageOf } from "../errors.js";
import { makeDirectories } from "../make-directories.js";
import { removeAbandoned } from "./pack/owned-directory.js";

/** Creates the folder of packed data, and deletes files left by killed runs. */
export function openCacheDir(path: string): string {
  const cacheDir = resolve(path);
  try {
    for (const folder of ["tmp", "packed"]) {
      makeDirectories(join(cacheDir, folder));
      removeAbandoned(join(cacheDir, folder));
    }
    return cacheDir;
  } catch (error) {
    throw new ConfigError(
      {
        what: "the folder for packed data cannot be used",
        where: "data.cacheDir",
        got: `${cacheDir}: ${messageOf(error)}`,
        expected: "a folder, or a path where one can be made",
        next: "Set another cacheDir, or fix its permissions.",
      },
      { cause: error },
    );
  }
}

/** Where packed data of this name is, in a directory for caches. */
export const packedDirectory = (cacheDir: string, name: string): string => join(cacheDir, "packed", name);
