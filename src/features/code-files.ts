import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CheckpointError, ConfigError, messageOf } from "../errors.js";

/** Files with code that a checkpoint names: their hashes are kept, so that only unchanged files can be imported. */

/** @throws ConfigError if the file cannot be read */
export function sha256OfCode(path: string, where: string): string {
  try {
    return createHash("sha256")
      .update(readFileSync(resolve(path)))
      .digest("hex");
  } catch (cause) {
    const report = {
      what: "the module cannot be read",
      where,
      got: `${resolve(path)}: ${messageOf(cause)}`,
      expected: "a TypeScript or JavaScript file",
      next: `Check the path. Relative paths start at ${process.cwd()}.`,
    };
    throw new ConfigError(report, { cause });
  }
}

/**
 * @param known the hash kept with the checkpoint; undefined in checkpoints that have none
 * @throws CheckpointError unless the file has that hash
 */
export function refuseChanged(path: string, known: string | undefined, what: string): void {
  const now = sha256OfCode(path, path);
  if (now === known) return;
  throw new CheckpointError({
    what: `${what} is not the file that the checkpoint was trained with`,
    where: resolve(path),
    got: `SHA-256 ${now}`,
    expected: known === undefined ? "a hash in the checkpoint, which has none" : `SHA-256 ${known}`,
    next: "Restore the file, or import the code yourself (docs/checkpoints.md#code-that-a-checkpoint-names).",
  });
}
