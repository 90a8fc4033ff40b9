import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { CheckpointError } from "../errors.js";
import { ARRAY_OF, bytesOf, type TensorArray, type WritableDtype } from "./dtypes.js";
import { elementCount, encodeHeader, layOut } from "./safetensors-header.js";

/** A tensor to write: whole, or as chunks in row-major order when it is larger than one array or than memory. */
export interface TensorSource {
  dtype: WritableDtype;
  shape: readonly number[];
  data: TensorArray | Iterable<TensorArray> | AsyncIterable<TensorArray>;
}

export interface WrittenFile {
  bytes: number;
  /** Hexadecimal SHA-256 of the whole file. */
  sha256: string;
}

/** Small enough that hashing one slice does not hold up the event loop (a few ms). */
const SLICE_BYTES = 4 << 20;

/**
 * Writes a new safetensors file and syncs it to disk. The arrays must not change until the promise settles.
 * The same tensors give the same bytes whatever the order of the map.
 * @throws CheckpointError when data does not match its shape; the file is then incomplete
 */
export async function writeSafetensors(
  path: string,
  tensors: Map<string, TensorSource>,
  metadata: Record<string, string> = {},
): Promise<WrittenFile> {
  const layout = layOut(tensors);
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(path, "wx");
  const append = async (slice: Uint8Array) => {
    const writing = file.writeFile(slice);
    hash.update(slice); // on this thread while the write runs on another
    await writing;
    bytes += slice.byteLength;
  };
  try {
    await append(encodeHeader({ tensors: layout, metadata }));
    for (const name of layout.keys()) {
      for await (const slice of slicesOf(name, tensors.get(name)!)) await append(slice);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
}

async function* slicesOf(name: string, tensor: TensorSource): AsyncGenerator<Uint8Array> {
  let elements = 0;
  for await (const chunk of chunksOf(tensor.data)) {
    if (!(chunk instanceof ARRAY_OF[tensor.dtype])) throw wrongArray(name, tensor.dtype, chunk);
    elements += chunk.length;
    if (elements > elementCount(tensor.shape)) break;
    const bytes = bytesOf(chunk);
    for (let from = 0; from < bytes.length; from += SLICE_BYTES)
      yield bytes.subarray(from, from + SLICE_BYTES);
  }
  if (elements !== elementCount(tensor.shape)) throw wrongCount(name, tensor, elements);
}

function chunksOf(data: TensorSource["data"]): Iterable<TensorArray> | AsyncIterable<TensorArray> {
  return ArrayBuffer.isView(data) ? [data] : data;
}

function wrongArray(name: string, dtype: WritableDtype, chunk: TensorArray): CheckpointError {
  return new CheckpointError({
    what: "a tensor's data is not of its dtype",
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
