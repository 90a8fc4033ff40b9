import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { pipeline, type Readable, type Transform } from "node:stream";
import * as zlib from "node:zlib";
import { messageOf } from "../../errors.js";
import { damaged } from "./compressed.js";
import { isRemote } from "./source-files.js";

/**
 * The bytes of a text file without compression, in pieces; `undefined` if it cannot be read here: it is remote, or
 * compressed with zstd and this version of Node has no decoder for it.
 * @throws DataError while it is read, if a compressed file is truncated or damaged
 */
export function textBytes(path: string): AsyncIterable<Buffer> | undefined {
  return isRemote(path) ? undefined : decompressed(path);
}

function decompressed(path: string): AsyncIterable<Buffer> | undefined {
  if (/\.gz$/i.test(path)) return through(path, zlib.createGunzip());
  if (!/\.zst$/i.test(path)) return fileBytes(path);
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };
  return createZstdDecompress && through(path, createZstdDecompress());
}

const fileBytes = (path: string): Readable => createReadStream(path, { highWaterMark: 2 ** 20 });

async function* through(path: string, decoder: Transform): AsyncGenerator<Buffer> {
  try {
    yield* pipeline(fileBytes(path), decoder, () => {});
  } catch (error) {
    // An error with a system call is that of the disk; the others are those of the decoder.
    throw error instanceof Error && "syscall" in error ? error : damaged(messageOf(error), path);
  }
}

/** True if the pieces of a text are UTF-8 when they are joined. */
export async function areUtf8(pieces: AsyncIterable<Buffer>): Promise<boolean> {
  let open: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = open.length > 0 ? Buffer.concat([open, piece]) : piece;
    const end = lastStart(bytes);
    if (!isUtf8(bytes.subarray(0, end))) return false;
    open = bytes.subarray(end);
  }
  return isUtf8(open);
}

/** Where a character starts that may continue after the bytes; their end if there is none. */
function lastStart(bytes: Buffer): number {
  for (let at = bytes.length - 1; at >= Math.max(0, bytes.length - 3); at--) {
    if (bytes[at] < 0x80) break;
    if (bytes[at] >= 0xc0) return at;
  }
  return bytes.length;
}
