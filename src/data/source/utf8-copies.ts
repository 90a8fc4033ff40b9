import { createWriteStream, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { DataError } from "../../errors.js";
import type { SourceConfig } from "../data-config.js";
import { verifyCompressed } from "./compressed.js";
import { COPY_SUFFIX, type Duck } from "./duckdb.js";
import type { SourceFiles } from "./source-files.js";
import { textBytes } from "./text-bytes.js";
import { type OtherEncoding, toUtf8 } from "./text-encoding.js";

/**
 * DuckDB reads UTF-8; of other encodings it misreads some characters and refuses files for others. So text files in
 * another encoding are first copied as UTF-8, into a folder that is deleted with the database.
 */

/** The files to read: those of the source if they are UTF-8, or else copies of them. */
export async function utf8Files(
  duck: Duck,
  { encoding = "utf-8" }: SourceConfig,
  files: SourceFiles,
  where: string,
): Promise<SourceFiles> {
  if (encoding === "utf-8") return files;
  await verifyCompressed(files.identity, where);
  const paths: string[] = [];
  for (const path of files.paths) paths.push(await copyAsUtf8(duck, path, encoding, where));
  return { ...files, paths };
}

async function copyAsUtf8(duck: Duck, path: string, encoding: OtherEncoding, where: string): Promise<string> {
  const bytes = textBytes(path);
  if (!bytes) throw cannotRead(path, encoding, where);
  const copy = `${join(duck.copies, path)}${COPY_SUFFIX}`;
  mkdirSync(dirname(copy), { recursive: true });
  await pipeline(toUtf8(bytes, encoding), createWriteStream(copy));
  return copy;
}

function cannotRead(path: string, encoding: string, where: string): DataError {
  return new DataError({
    what: "a remote or compressed file in this encoding cannot be read here",
    where: `${where}.encoding`,
    got: `${encoding}, ${path}`,
    expected: "a local file, not compressed or compressed with gzip; with zstd from Node.js 22.15 on",
    next: "Download and decompress the file.",
  });
}

/** The file of the source that a path stands for. */
export function originalPath({ copies }: Duck, path: string): string {
  return path.startsWith(copies) ? path.slice(copies.length, -COPY_SUFFIX.length) : path;
}

/** SQL that computes {@link originalPath} for a column of paths. */
export function originalPathSql({ copies }: Duck, column: string, { encoding }: SourceConfig): string {
  if (encoding === undefined || encoding === "utf-8") return column;
  return `${column}[${copies.length + 1}:${-COPY_SUFFIX.length - 1}]`;
}
