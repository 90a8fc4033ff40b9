import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { CheckpointError } from "../errors.js";
import { ARRAY_OF, bytesOf, DTYPE_BYTES, type TensorArray, type WritableDtype } from "./dtypes.js";
import { hashAll, type Piece } from "./hash-jobs.js";
import { elementCount, encodeHeader, layOut } from "./safetensors-header.js";
import type { Range } from "./table-layout.js";

/** A tensor to write. */
export interface TensorSource {
  dtype: WritableDtype;
  shape: readonly number[];
  /** All elements, or a function that reads some: for tensors that are larger than one array. */
  data: TensorArray | ReadElements;
}

/** Fills `into` with elements in row-major order, beginning at index `from`. Called in any order, also concurrently. */
export type ReadElements = (from: number, into: TensorArray) => void | Promise<void>;

export interface WrittenFile {
  bytes: number;
  /** Hexadecimal SHA-256 of the bytes outside all ranges. */
  sha256: string;
  /** The ranges of every tensor in `inRanges`. */
  ranges: ReadonlyMap<string, readonly Range[]>;
}

/** Maximum bytes of a range, which has one checksum and is written and checked by one thread. */
const RANGE_BYTES = 256 << 20;
/** Bytes of a write. Linux looks for large blocks of memory to cache larger ones, which can take ten times as long. */
const WRITE_BYTES = 512 << 10;

/**
 * Writes a new safetensors file and syncs it to disk. The data must not change until the promise settles. Equal tensors
 * give equal bytes, whatever the order of the map.
 * @param inRanges tensors with checksums per range of whole rows
 * @throws CheckpointError if data does not match its shape; there is no file then
 */
export async function writeSafetensors(
  path: string,
  tensors: Map<string, TensorSource>,
  inRanges: ReadonlySet<string> = new Set(),
): Promise<WrittenFile> {
  const layout = layOut(tensors);
  const header = encodeHeader({ tensors: layout, metadata: {} });
  const pieces = [...layout].map(([name, { begin }]) => ({
    name,
    piece: pieceOf(name, tensors.get(name)!, header.length + begin),
  }));
  const rest = pieces.filter(({ name }) => !inRanges.has(name)).map(({ piece }) => piece);
  const ranges = pieces
    .filter(({ name }) => inRanges.has(name))
    .flatMap(({ name, piece }) => inRangesOf(piece, tensors.get(name)!).map((range) => ({ name, range })));
  const jobs = [[bytesAt(header, 0), ...rest], ...ranges.map(({ range }) => [range])];
  const [sha256, ...checksums] = await writeAll(path, jobs);
  const described = new Map<string, Range[]>([...inRanges].map((name) => [name, []]));
  ranges.forEach(({ name, range: { begin, end } }, i) => {
    described.get(name)!.push({
      file: basename(path),
      offset: begin,
      bytes: end - begin,
      checksum: checksums[i],
    });
  });
  return {
    bytes: Math.max(header.length, ...pieces.map(({ piece }) => piece.end)),
    sha256,
    ranges: described,
  };
}

/** Writes a new file, syncs it, and returns the checksum of each job. */
async function writeAll(path: string, jobs: readonly (readonly Piece[])[]): Promise<string[]> {
  const file = await open(path, "wx");
  try {
    const checksums = await hashAll(jobs, (bytes, position) => writeFully(file, bytes, position));
    await file.sync();
    return checksums;
  } finally {
    await file.close();
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const count = Math.min(WRITE_BYTES, bytes.length - at);
    at += (await file.write(bytes, at, count, position + at)).bytesWritten;
  }
}

/** The bytes of a tensor, beginning at this position of the file. */
function pieceOf(name: string, tensor: TensorSource, begin: number): Piece {
  const { dtype, shape, data } = tensor;
  if (typeof data !== "function") {
    if (!(data instanceof ARRAY_OF[dtype])) throw wrongArray(name, dtype, data);
    if (data.length !== elementCount(shape)) throw wrongCount(name, tensor, data.length);
    return bytesAt(bytesOf(data), begin);
  }
  const size = DTYPE_BYTES[dtype];
  return {
    begin,
    end: begin + elementCount(shape) * size,
    fill: (into, position) => {
      const elements = new ARRAY_OF[dtype](into.buffer as ArrayBuffer, into.byteOffset, into.length / size);
      return data((position - begin) / size, elements);
    },
  };
}

function bytesAt(bytes: Uint8Array, begin: number): Piece {
  const fill = (into: Uint8Array, position: number) =>
    into.set(bytes.subarray(position - begin, position - begin + into.length));
  return { begin, end: begin + bytes.length, fill };
}

/** Ranges with as many whole rows as fit in RANGE_BYTES, at least one. */
function inRangesOf({ begin, end, fill }: Piece, { dtype, shape }: TensorSource): Piece[] {
  const rowBytes = Math.max(1, elementCount(shape.slice(1)) * DTYPE_BYTES[dtype]);
  const most = Math.max(1, Math.floor(RANGE_BYTES / rowBytes)) * rowBytes;
  return Array.from({ length: Math.ceil((end - begin) / most) }, (_, i) => {
    const from = begin + i * most;
    return { begin: from, end: Math.min(from + most, end), fill };
  });
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
    got: `${elements} elements`,
    expected: `${elementCount(shape)} elements for [${shape.join(", ")}]`,
  });
}
