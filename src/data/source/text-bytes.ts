import { createReadStream } from "node:fs";
import { pipeline, type Readable, type Transform } from "node:stream";
import * as zlib from "node:zlib";

/**
 * The bytes of a text file without compression, in pieces; `undefined` if it cannot be read here: it is remote, or
 * compressed with zstd and this version of Node has no decoder for it.
 */
export function textBytes(path: string): AsyncIterable<Buffer> | undefined {
  return /^[a-z][a-z0-9]+:\/\//i.test(path) ? undefined : decompressed(path);
}

function decompressed(path: string): Readable | undefined {
  const file = () => createReadStream(path, { highWaterMark: 2 ** 20 });
  const through = (decoder: Transform) => pipeline(file(), decoder, () => {});
  if (/\.gz$/i.test(path)) return through(zlib.createGunzip());
  if (!/\.zst$/i.test(path)) return file();
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };
  return createZstdDecompress && through(createZstdDecompress());
}
