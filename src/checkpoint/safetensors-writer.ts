import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { CheckpointError } from "../errors.js";
import { ARRAY_OF, bytesOf, DTYPE_BYTES, type TensorArray, type WritableDtype } from "./dtypes.js";
import { elementCount, encodeHeader, layOut } from "./safetensors-header.js";
import type { Range } from "./table-layout.js";

/** A tensor to write, whole or as row-major chunks. Use chunks if it is larger than one array or than memory. */
export interface TensorSource {
  dtype: WritableDtype;
  shape: readonly number[];
  data: TensorArray | Iterable<TensorArray> | AsyncIterable<TensorArray>;
}

export interface WrittenFile {
  bytes: number;
  /** Hexadecimal SHA-256 of the bytes outside all ranges. */
  sha256: string;
  /** The ranges of every tensor in `inRanges`. */
  ranges: ReadonlyMap<string, readonly Range[]>;
}

/** Small enough that hashing one slice blocks the event loop for only a few ms. */
const SLICE_BYTES = 4 << 20;
/** Maximum bytes of a range, which has one checksum and can be written or checked by a separate thread or process. */
const RANGE_BYTES = 256 << 20;

/**
 * Writes a new safetensors file and syncs it to disk. The data must not change until the promise settles. Equal tensors
 * give equal bytes, whatever the order of the map.
 * @param inRanges tensors with checksums per range of whole rows
 * @throws CheckpointError if data does not match its shape; the file is then incomplete
 */
export async function writeSafetensors(
  path: string,
  tensors: Map<string, TensorSource>,
  inRanges: ReadonlySet<string> = new Set(),
): Promise<WrittenFile> {
  const layout = layOut(tensors);
  const file = await open(path, "wx");
  const writer = new Writer(file, basename(path));
  const rest = createHash("sha256");
  const ranges = new Map<string, readonly Range[]>();
  try {
    await writer.append(encodeHeader({ tensors: layout, metadata: {} }), rest);
    for (const name of layout.keys()) {
      const tensor = tensors.get(name)!;
      if (inRanges.has(name)) ranges.set(name, await writer.appendRanges(name, tensor));
      else for await (const slice of slicesOf(name, tensor)) await writer.append(slice, rest);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes: writer.bytes, sha256: rest.digest("hex"), ranges };
}

class Writer {
  /** Bytes written so far. */
  bytes = 0;

  constructor(
    private readonly file: FileHandle,
    private readonly name: string,
  ) {}

  async append(slice: Uint8Array, hash: Hash): Promise<void> {
    const writing = this.file.writeFile(slice);
    hash.update(slice); // on this thread while the write runs on another
    await writing;
    this.bytes += slice.byteLength;
  }

  async appendRanges(name: string, tensor: TensorSource): Promise<Range[]> {
    const ranges: Range[] = [];
    const most = rangeBytesOf(tensor);
    const begin = this.bytes;
    const end = begin + elementCount(tensor.shape) * DTYPE_BYTES[tensor.dtype];
    let [hash, offset] = [createHash("sha256"), begin];
    for await (const slice of slicesOf(name, tensor, most)) {
      await this.append(slice, hash);
      if (this.bytes < end && this.bytes - offset < most) continue;
      ranges.push({ file: this.name, offset, bytes: this.bytes - offset, checksum: hash.digest("hex") });
      [hash, offset] = [createHash("sha256"), this.bytes];
    }
    return ranges;
  }
}

/** As many whole rows as fit in RANGE_BYTES, at least one. */
function rangeBytesOf({ dtype, shape }: TensorSource): number {
  const rowBytes = Math.max(1, elementCount(shape.slice(1)) * DTYPE_BYTES[dtype]);
  return Math.max(1, Math.floor(RANGE_BYTES / rowBytes)) * rowBytes;
}

/** Splits the tensor's bytes into small slices that do not cross a multiple of `border` bytes. */
async function* slicesOf(
  name: string,
  tensor: TensorSource,
  border = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  let elements = 0;
  let done = 0;
  for await (const chunk of chunksOf(tensor.data)) {
    if (!(chunk instanceof ARRAY_OF[tensor.dtype])) throw wrongArray(name, tensor.dtype, chunk);
    elements += chunk.length;
    if (elements > elementCount(tensor.shape)) break;
    const bytes = bytesOf(chunk);
    for (let from = 0, size = 0; from < bytes.length; from += size) {
      size = Math.min(SLICE_BYTES, bytes.length - from, border - (done % border));
      yield bytes.subarray(from, from + size);
      done += size;
    }
  }
  if (elements !== elementCount(tensor.shape)) throw wrongCount(name, tensor, elements);
}

function chunksOf(data: TensorSource["data"]): Iterable<TensorArray> | AsyncIterable<TensorArray> {
  return ArrayBuffer.isView(data) ? [data] : data;
}

function wrongArray(name: string, dtype: WritableDtype, chunk: TensorArray): CheckpointError {
  return new CheckpointError({
    what: "a tensor's data does not match its dtype",
    where: name,
    got: chunk.constructor.name,
    expected: `${ARRAY_OF[dtype].name} for ${dtype}`,
  });
}

function wrongCount(name: string, { shape }: TensorSource, elements: number): CheckpointError {
  return new CheckpointError({
    what: "a tensor's data does not fill its shape",
    where: name,
    got: elements > elementCount(shape) ? `${elements} elements or more` : `${elements} elements`,
    expected: `${elementCount(shape)} elements for [${shape.join(", ")}]`,
  });
}
