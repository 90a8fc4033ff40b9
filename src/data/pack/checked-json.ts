import { readFileSync, writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { DataError, messageOf } from "../../errors.js";

/** Writes a JSON file with a checksum: `{ "crc32": of the content's JSON text, "content": … }`. */
export function writeCheckedJson(path: string, content: unknown): void {
  const text = JSON.stringify(content);
  writeFileSync(path, `{"crc32":${crc32(Buffer.from(text))},"content":${text}}\n`);
}

/** @throws DataError if the file is missing or damaged */
export function readCheckedJson(path: string): unknown {
  try {
    const { crc32: expected, content } = JSON.parse(readFileSync(path, "utf8"));
    if (crc32(Buffer.from(JSON.stringify(content))) === expected) return content;
  } catch (error) {
    throw damaged(path, messageOf(error));
  }
  throw damaged(path, "a wrong checksum");
}

/** The error for a damaged file of the cache. */
export function damaged(path: string, got: string): DataError {
  return new DataError({
    what: "packed data is damaged",
    where: path,
    got,
    expected: "the file as it was written",
    next: "Nothing to do: the source is packed again.",
  });
}
