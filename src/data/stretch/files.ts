import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { DataError } from "../../errors.js";
import { type FileIdentity, isRemote } from "../source/source-files.js";
import type { ReadFile } from "./position.js";

/** Files with the hashes of their contents. */
export async function readFiles(files: readonly FileIdentity[]): Promise<ReadFile[]> {
  const read: ReadFile[] = [];
  for (const file of files) read.push({ ...file, sha256: await sha256Of(file.path) });
  return read;
}

async function sha256Of(path: string): Promise<string> {
  if (isRemote(path)) return "";
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

export interface NewFiles {
  readonly files: readonly ReadFile[];
  /** Files under a new name whose content has been read before, and is not read again. */
  readonly copies: readonly ReadFile[];
}

/**
 * The files that have not been read yet. Files are known by path and content; those that are gone are no error.
 * @throws DataError naming a file that was read and has changed
 */
export async function newFiles(found: readonly FileIdentity[], read: readonly ReadFile[]): Promise<NewFiles> {
  const byPath = new Map(read.map((file) => [file.path, file]));
  const contents = new Set(read.map(({ sha256 }) => sha256));
  const [files, copies]: ReadFile[][] = [[], []];
  for (const file of found) {
    const before = byPath.get(file.path);
    if (before) await refuseChanged(before, file);
    else {
      const [named] = await readFiles([file]);
      const isCopy = named.sha256 !== "" && contents.has(named.sha256);
      (isCopy ? copies : files).push(named);
      contents.add(named.sha256);
    }
  }
  return { files, copies };
}

async function refuseChanged(before: ReadFile, { path, bytes, modified }: FileIdentity): Promise<void> {
  if (bytes === before.bytes && modified === before.modified) return;
  if (bytes === before.bytes && (await sha256Of(path)) === before.sha256) return;
  throw new DataError({
    what: "a file that the run has trained on has changed, so nobody knows which of its rows are new",
    where: path,
    got: `${bytes} bytes, other than those that were read`,
    expected: `the ${before.bytes} bytes that were read (SHA-256 ${before.sha256})`,
    next: "Restore the file, and write new rows to a new file. For a file that grows, name a column in data.cursor and train a new run.",
  });
}

/**
 * @param found the files of a stretch as they are now; whoever finds them refuses those that are gone
 * @throws DataError naming a file that has changed
 */
export async function refuseOther(files: readonly ReadFile[], found: readonly FileIdentity[]): Promise<void> {
  const byPath = new Map(found.map((file) => [file.path, file]));
  for (const file of files) {
    const there = byPath.get(file.path);
    if (there) await refuseChanged(file, there);
  }
}
