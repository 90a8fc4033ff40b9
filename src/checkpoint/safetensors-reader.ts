import { type FileHandle, open } from "node:fs/promises";
import { CheckpointError } from "../errors.js";
import { type HalfDtype, widen } from "../half.js";
import {
  ARRAY_OF,
  bytesOf,
  DTYPE_BYTES,
  HALF_DTYPES,
  isHalf,
  isWritable,
  type TensorArray,
} from "./dtypes.js";
import {
  decodeHeader,
  elementCount,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  type SafetensorsHeader,
  type TensorInfo,
} from "./safetensors-header.js";

/** Node refuses reads of 2 GiB and more. */
const SLICE_BYTES = 64 << 20;

/** An open safetensors file whose header has been verified. Close it when done. */
export class SafetensorsFile {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;

  /** @throws CheckpointError when the file is not a sound safetensors file */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await open(path, "r");
    try {
      const headerBytes = await readHeaderLength(file, path);
      const json = new Uint8Array(headerBytes);
      await readFully(file, json, LENGTH_BYTES, path);
      const dataStart = LENGTH_BYTES + headerBytes;
      const { size } = await file.stat();
      return new SafetensorsFile(path, file, dataStart, decodeHeader(json, size - dataStart, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private readonly dataStart: number,
    header: SafetensorsHeader,
  ) {
    this.tensors = header.tensors;
    this.metadata = header.metadata;
  }

  /** A whole tensor in a new array: F32, F16 and BF16 as Float32Array, I32 as Int32Array, I64 as BigInt64Array. */
  async read(name: string): Promise<TensorArray> {
    const { dtype, shape } = this.info(name);
    const ArrayType = isHalf(dtype) ? Float32Array : isWritable(dtype) ? ARRAY_OF[dtype] : undefined;
    if (!ArrayType) throw unreadable(`${this.path}: ${name}`, dtype, "an array");
    const destination = new ArrayType(elementCount(shape));
    await this.readInto(name, destination);
    return destination;
  }

  /**
   * Fills `destination` with the elements from number `from` on, in row-major order; only exact conversions
   * (F16 and BF16 to float32) are made. A Uint16Array gets the bits of F16 or BF16, whichever the file has.
   * @throws CheckpointError for an unknown name, a range outside the tensor, or a dtype that the array cannot hold
   */
  async readInto(name: string, destination: TensorArray, from = 0): Promise<void> {
    const { dtype, shape, begin } = this.info(name);
    const where = `${this.path}: ${name}`;
    checkRange(where, from, destination.length, elementCount(shape));
    const position = this.dataStart + begin + from * DTYPE_BYTES[dtype];
    if (isWritable(dtype) && destination instanceof ARRAY_OF[dtype]) {
      await readFully(this.file, bytesOf(destination), position, this.path);
    } else if (isHalf(dtype) && destination instanceof Float32Array) {
      await this.widenInto(HALF_DTYPES[dtype], destination, position);
    } else throw unreadable(where, dtype, `a ${destination.constructor.name}`);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (info) return info;
    const names = [...this.tensors.keys()];
    throw new CheckpointError({
      what: "no such tensor",
      where: this.path,
      got: name,
      expected: `one of ${names.length} tensors: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`,
    });
  }

  private async widenInto(dtype: HalfDtype, destination: Float32Array, position: number): Promise<void> {
    const scratch = new Uint16Array(Math.min(destination.length, SLICE_BYTES / 2));
    for (let at = 0; at < destination.length; at += scratch.length) {
      const part = destination.subarray(at, at + scratch.length);
      const halves = scratch.subarray(0, part.length);
      await readFully(this.file, bytesOf(halves), position + at * 2, this.path);
      widen(halves, part, dtype);
    }
  }
}

async function readHeaderLength(file: FileHandle, path: string): Promise<number> {
  const field = new Uint8Array(LENGTH_BYTES);
  await readFully(file, field, 0, path);
  const length = new DataView(field.buffer).getBigUint64(0, true);
  const { size } = await file.stat();
  const limit = Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES);
  if (length <= BigInt(limit)) return Number(length);
  throw new CheckpointError({
    what: "the safetensors header length is out of bounds",
    where: path,
    got: `${length} bytes`,
    expected: `at most ${limit} bytes`,
  });
}

async function readFully(file: FileHandle, into: Uint8Array, position: number, path: string): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const slice = into.subarray(at, at + SLICE_BYTES);
    const { bytesRead } = await file.read(slice, 0, slice.length, position + at);
    if (bytesRead === 0) {
      throw new CheckpointError({
        what: "the file is truncated",
        where: path,
        got: `${position + at} bytes`,
        expected: `at least ${position + into.length} bytes`,
      });
    }
    at += bytesRead;
  }
}

function checkRange(where: string, from: number, count: number, elements: number): void {
  if (from >= 0 && from + count <= elements) return;
  throw new CheckpointError({
    what: "the range read is outside the tensor",
    where,
    got: `elements ${from} to ${from + count}`,
    expected: `within 0 to ${elements}`,
  });
}

function unreadable(where: string, dtype: string, into: string): CheckpointError {
  return new CheckpointError({
    what: `${dtype} cannot be read into ${into} exactly`,
    where,
    expected:
      "F32, F16 or BF16 into Float32Array, F16 or BF16 into Uint16Array, I32 into Int32Array, I64 into BigInt64Array",
  });
}
