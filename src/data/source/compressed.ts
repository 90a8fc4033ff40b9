import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { DataError } from "../../errors.js";
import type { FileIdentity } from "./source-files.js";

/**
 * Looks whether compressed text files are whole: DuckDB takes a file that was cut off as one that ends there.
 *
 * @throws DataError where a file is cut off or damaged
 */
export async function verifyCompressed(files: readonly FileIdentity[], where: string): Promise<void> {
  // A URL has no size to look at, and a Parquet file checks its own end.
  for (const { path, bytes } of files.filter((file) => file.bytes > 0)) {
    const fault = /\.gz$/i.test(path)
      ? await gzipFault(path)
      : /\.zst$/i.test(path)
        ? await zstdFault(path, bytes)
        : undefined;
    if (fault !== undefined) throw cutOff(path, fault, where);
  }
}

function cutOff(path: string, fault: string, where: string): DataError {
  return new DataError({
    what: "the compressed file is cut off or damaged",
    where: `${where}.path`,
    got: `${path}: ${fault}`,
    expected: "a file that is whole",
    next: "fetch or write the file again; gzip -t and zstd -t check it",
  });
}

/** Reads the file through, which checks the CRC-32 and the size of each member (RFC 1952). */
async function gzipFault(path: string): Promise<string | undefined> {
  const discard = async (chunks: AsyncIterable<Buffer>) => {
    for await (const _ of chunks);
  };
  try {
    await pipeline(createReadStream(path), createGunzip({ chunkSize: 2 ** 18 }), discard);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Walks from block to block by their sizes (RFC 8878), without decompressing. */
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

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;

/** Where a frame ends, beyond the file if it is cut off; `undefined` where there is no frame. */
async function zstdFrameEnd(file: FileHandle, start: number): Promise<number | undefined> {
  const head = await bytesAt(file, start, 8);
  if (head.length < 8) return Number.POSITIVE_INFINITY;
  const magic = head.readUInt32LE(0);
  if ((magic & ~0xf) >>> 0 === skippableMagic) return start + 8 + head.readUInt32LE(4);
  if (magic !== frameMagic) return undefined;
  const descriptor = head[4];
  let at = start + frameHeaderBytes(descriptor);
  for (;;) {
    const block = await bytesAt(file, at, 3);
    if (block.length < 3) return Number.POSITIVE_INFINITY;
    const header = block.readUIntLE(0, 3);
    // A block of one repeated byte (type 1) says how often in its size.
    at += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3);
    if (header & 1) break;
  }
  const hasChecksum = (descriptor & 4) !== 0;
  return at + (hasChecksum ? 4 : 0);
}

/** Magic number, descriptor, window, dictionary and content size, as the descriptor's bits have it. */
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
