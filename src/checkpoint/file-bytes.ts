import { CheckpointError } from "../errors.js";
import { type HalfDtype, widen } from "../half.js";
import { type OpenedFile, onDisk, openToRead } from "./disk.js";
import {
  ARRAY_OF,
  bytesOf,
  type Dtype,
  HALF_DTYPES,
  isHalf,
  isWritable,
  type TensorArray,
} from "./dtypes.js";
import { hashAll } from "./hash-jobs.js";

/** Node refuses reads of 2 GiB and more. */
const SLICE_BYTES = 64 << 20;

/** A byte range [begin, end) of a file. */
export type Stretch = readonly [begin: number, end: number];

/**
 * Fills `into` with the bytes at `position`.
 * @throws CheckpointError if the file ends earlier
 */
export async function readFully(
  file: OpenedFile,
  into: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const slice = into.subarray(at, at + SLICE_BYTES);
    const read = () => file.read(slice, 0, slice.length, position + at);
    const { bytesRead } = await onDisk("the file cannot be read", path, read);
    if (bytesRead === 0) {
      throw new CheckpointError({
        what: "the file is truncated",
        where: path,
        got: `${position + at} bytes`,
        expected: `at least ${position + into.length} bytes`,
        next: "Copy the file again: this one is damaged. If it is part of a checkpoint, you can also use another checkpoint of the run.",
      });
    }
    at += bytesRead;
  }
}

/**
 * Hexadecimal SHA-256 of stretches of files, those of a file concatenated.
 * @throws CheckpointError if a file cannot be read or is too short
 */
export async function sha256OfFiles(
  contents: readonly { readonly path: string; readonly stretches: readonly Stretch[] }[],
): Promise<string[]> {
  const files = new Map<string, OpenedFile>();
  try {
    for (const { path } of contents) if (!files.has(path)) files.set(path, await openToRead(path));
    const jobs = contents.map(({ path, stretches }) =>
      stretches.map(([begin, end]) => ({
        begin,
        end,
        fill: (into: Uint8Array, position: number) => readFully(files.get(path)!, into, position, path),
      })),
    );
    return await hashAll(jobs);
  } finally {
    for (const file of files.values()) await file.close();
  }
}

/** The byte ranges of a file of this size outside the given ranges. */
export function outside(stretches: readonly Stretch[], bytes: number): Stretch[] {
  const gaps: Stretch[] = [];
  let at = 0;
  for (const [begin, end] of [...stretches].sort(([a], [b]) => a - b)) {
    if (begin > at) gaps.push([at, begin]);
    at = Math.max(at, end); // an empty stretch may follow the one that begins at the same byte
  }
  return at < bytes ? [...gaps, [at, bytes]] : gaps;
}

/**
 * Fills an array with elements of a dtype that it can hold exactly.
 * @param readBytes fills its argument with bytes, given the byte offset relative to the first element
 */
export async function readElements(
  readBytes: (into: Uint8Array, from: number) => Promise<void>,
  dtype: Dtype,
  destination: TensorArray,
  where: string,
): Promise<void> {
  if (isWritable(dtype) && destination instanceof ARRAY_OF[dtype]) return readBytes(bytesOf(destination), 0);
  if (isHalf(dtype) && destination instanceof Float32Array)
    return readWidened(readBytes, HALF_DTYPES[dtype], destination);
  throw new CheckpointError({
    what: `${dtype} cannot be read into a ${destination.constructor.name} exactly`,
    where,
    expected:
      "F32, F16 or BF16 into Float32Array, F16 or BF16 into Uint16Array, integers into the array of their type",
  });
}

async function readWidened(
  readBytes: (into: Uint8Array, from: number) => Promise<void>,
  dtype: HalfDtype,
  destination: Float32Array,
): Promise<void> {
  const scratch = new Uint16Array(Math.min(destination.length, SLICE_BYTES / 2));
  for (let at = 0; at < destination.length; at += scratch.length) {
    const part = destination.subarray(at, at + scratch.length);
    const halves = scratch.subarray(0, part.length);
    await readBytes(bytesOf(halves), at * 2);
    widen(halves, part, dtype);
  }
}

/** Allocates an array for elements of a dtype; 16-bit floats become float32. */
export function arrayFor(dtype: Dtype, elements: number, where: string): TensorArray {
  const ArrayType = isHalf(dtype) ? Float32Array : isWritable(dtype) ? ARRAY_OF[dtype] : undefined;
  if (ArrayType) return new ArrayType(elements);
  throw new CheckpointError({ what: `${dtype} cannot be read into an array exactly`, where });
}

/** @throws CheckpointError for a range of elements outside the tensor */
export function checkRange(where: string, from: number, count: number, elements: number): void {
  if (from >= 0 && from + count <= elements) return;
  throw new CheckpointError({
    what: "the range read is outside the tensor",
    where,
    got: `elements ${from} to ${from + count}`,
    expected: `within 0 to ${elements}`,
  });
}

/** Elements per read: a few MiB. */
export const PIECE = 1 << 20;
