import { createReadStream } from "node:fs";
import { pipeline, type Readable, type Transform } from "node:stream";
import * as zlib from "node:zlib";

/**
 * The text of a file as UTF-8, in pieces; `undefined` if it cannot be read here: it is remote, or compressed with zstd and
 * this version of Node has no decoder for it.
 */
export function textBytes(path: string, encoding = "utf-8"): AsyncIterable<Buffer> | undefined {
  if (/^[a-z][a-z0-9]+:\/\//i.test(path)) return undefined;
  const bytes = decompressed(path);
  return bytes && (encoding === "utf-8" ? bytes : decoded(bytes, encoding));
}

function decompressed(path: string): Readable | undefined {
  const file = () => createReadStream(path, { highWaterMark: 2 ** 20 });
  const through = (decoder: Transform) => pipeline(file(), decoder, () => {});
  if (/\.gz$/i.test(path)) return through(zlib.createGunzip());
  if (!/\.zst$/i.test(path)) return file();
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };
  return createZstdDecompress && through(createZstdDecompress());
}

async function* decoded(bytes: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<Buffer> {
  // What TextDecoder calls latin1 is windows-1252, whose characters have other lengths in UTF-8.
  const decoder = encoding === "latin-1" ? undefined : new TextDecoder(encoding, { ignoreBOM: true });
  for await (const chunk of bytes)
    yield Buffer.from(decoder ? decoder.decode(chunk, { stream: true }) : chunk.toString("latin1"), "utf8");
}
