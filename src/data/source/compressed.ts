import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { DataError, messageOf } from "../../errors.js";
import type { FileIdentity } from "./source-files.js";

/**
 * Checks that compressed text files are complete: DuckDB reads a truncated file without an error.
 *
 * @throws DataError if a file is truncated or damaged
 */
export async function verifyCompressed(files: readonly FileIdentity[], where: string): Promise<void> {
  // The size of a URL is unknown, and a Parquet file has its own check.
  for (const { path, bytes } of files.filter((file) => file.bytes > 0)) {
    const fault = /\.gz$/i.test(path)
      ? await gzipFault(path)
      : /\.zst$/i.test(path)
        ? await zstdFault(path, bytes)
        : undefined;
    if (fault !== undefined) throw damaged(`${path}: ${fault}`, `${where}.path`);
  }
}

/** @param got the file and its fault */
export function damaged(got: string, where: string): DataError {
  return new DataError({
    what: "the compressed file is truncated or damaged",
    where,
    got,
    expected: "a complete file",
    next: "Download or write the file again. Check it with gzip -t or zstd -t.",
  });
}

/** Decompresses the whole file, which checks the CRC-32 and the size of each member (RFC 1952). */
async function gzipFault(path: string): Promise<string | undefined> {
  const discard = async (chunks: AsyncIterable<Buffer>) => {
    for await (const _ of chunks);
  };
  try {
    await pipeline(createReadStream(path), createGunzip({ chunkSize: 2 ** 18 }), discard);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Follows the sizes of the blocks (RFC 8878), without decompressing. */
async function zstdFault(path: string, bytes: number): Promise<string | undefined> {
  const file = await open(path, "r");
  try {
    let at = 0;
    while (at < bytes) {
      const end = await zstdFrameEnd(file, at);
      if (end === undefined) return `no zstd frame at byte ${at}`;
      if (end > bytes) return `${bytes} bytes, and the frame at byte ${at} goes on`;
      at = end;
    }
    return undefined;
  } finally {
    await file.close();
  }
}

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

/** The end of the frame, beyond the file if that is truncated; `undefined` if there is no frame. */
async function zstdFrameEnd(file: FileHandle, start: number): Promise<number | undefined> {
  const head = await bytesAt(file, start, 8);
  if (head.length < 8) return Number.POSITIVE_INFINITY;
  const magic = head.readUInt32LE(0);
  if ((magic & ~0xf) >>> 0 === SKIPPABLE_MAGIC) return start + 8 + head.readUInt32LE(4);
  if (magic !== FRAME_MAGIC) return undefined;
  const descriptor = head[4];
  let at = start + frameHeaderBytes(descriptor);
  for (;;) {
    const block = await bytesAt(file, at, 3);
    if (block.length < 3) return Number.POSITIVE_INFINITY;
    const header = block.readUIntLE(0, 3);
    // A block with one repeated byte (type 1) stores the repeat count as its size.
    at += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3);
    if (header & 1) break;
  }
  const hasChecksum = (descriptor & 4) !== 0;
  return at + (hasChecksum ? 4 : 0);
}

/** Bytes of magic number, descriptor, window, dictionary id and content size, from the bits of the descriptor. */
function frameHeaderBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 32) !== 0;
  const contentSize = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6];
  const dictionary = [0, 1, 2, 4][descriptor & 3];
  return 5 + (isSingleSegment ? 0 : 1) + dictionary + contentSize;
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
