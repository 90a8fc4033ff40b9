import { readFileSync, writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { DataError } from "../../errors.js";

/** A JSON file that knows its own checksum: `{ "crc32": of the content's JSON, "content": … }`. */
export function writeCheckedJson(path: string, content: unknown): void {
  const text = JSON.stringify(content);
  writeFileSync(path, `{"crc32":${crc32(Buffer.from(text))},"content":${text}}\n`);
}

/** @throws DataError where the file is missing or not as it was written */
export function readCheckedJson(path: string): unknown {
  try {
    const { crc32: expected, content } = JSON.parse(readFileSync(path, "utf8"));
    if (crc32(Buffer.from(JSON.stringify(content))) === expected) return content;
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
  throw damaged(path, "a wrong checksum");
}

/** The error for a file of the cache that is not as it was written. */
export function damaged(path: string, got: string): DataError {
  return new DataError({
    what: "packed data is damaged",
    where: path,
    got,
    expected: "the file as it was written",
    next: "the source is packed again",
  });
}
