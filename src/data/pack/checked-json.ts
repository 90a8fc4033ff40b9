import { readFileSync, writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { z } from "zod";
import { DataError, messageOf } from "../../errors.js";
import { parseUntrusted } from "../../untrusted.js";

/** Writes a JSON file with a checksum: `{ "crc32": of the content's JSON text, "content": … }`. */
export function writeCheckedJson(path: string, content: unknown): void {
  const text = JSON.stringify(content);
  writeFileSync(path, `{"crc32":${crc32(Buffer.from(text))},"content":${text}}\n`);
}

/** @throws DataError if the file is missing or damaged, or does not have the form that the schema describes */
export function readCheckedJson<S extends z.ZodType>(path: string, schema: S): z.output<S> {
  const content = contentOf(path);
  const { error } = schema.safeParse(content);
  if (!error) return content as z.output<S>;
  const [{ path: keys, message }] = error.issues;
  throw damaged(path, `${keys.join(".")}: ${message}`);
}

function contentOf(path: string): unknown {
  try {
    const { crc32: expected, content } = parseUntrusted(readFileSync(path, "utf8")) as Record<
      string,
      unknown
    >;
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
