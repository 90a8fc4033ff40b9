import { CheckpointError } from "../errors.js";
import { type OpenedFile, onDisk, openToRead } from "./disk.js";
import { DTYPE_BYTES, type TensorArray } from "./dtypes.js";
import { arrayFor, checkRange, PIECE, readElements, readFully } from "./file-bytes.js";
import {
  decodeHeader,
  elementCount,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  type SafetensorsHeader,
  type TensorInfo,
} from "./safetensors-header.js";
import { noSuchTensor, type Tensors } from "./tensors.js";

/** An open safetensors file with a verified header. The caller closes it. */
export class SafetensorsFile implements Tensors {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;

  /** @throws CheckpointError if the file is not a valid safetensors file */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await openToRead(path);
    try {
      const headerBytes = await readHeaderLength(file, path);
      const json = new Uint8Array(headerBytes);
      await readFully(file, json, LENGTH_BYTES, path);
      const dataStart = LENGTH_BYTES + headerBytes;
      const size = await sizeOfOpen(file, path);
      return new SafetensorsFile(path, file, dataStart, decodeHeader(json, size - dataStart, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(
    readonly path: string,
    private readonly file: OpenedFile,
    private readonly dataStart: number,
    header: SafetensorsHeader,
  ) {
    this.tensors = header.tensors;
    this.metadata = header.metadata;
  }

  async read(name: string): Promise<TensorArray> {
    const { dtype, shape } = this.info(name);
    const destination = arrayFor(dtype, elementCount(shape), `${this.path}: ${name}`);
    await this.readInto(name, destination);
    return destination;
  }

  async readInto(name: string, destination: TensorArray, from = 0): Promise<void> {
    const { dtype, shape } = this.info(name);
    const where = `${this.path}: ${name}`;
    checkRange(where, from, destination.length, elementCount(shape));
    const position = this.locate(name).offset + from * DTYPE_BYTES[dtype];
    const readBytes = (into: Uint8Array, at: number) => readFully(this.file, into, position + at, this.path);
    await readElements(readBytes, dtype, destination, where);
  }

  pieceOf(): number {
    return PIECE;
  }

  locate(name: string): { readonly path: string; readonly offset: number } {
    return { path: this.path, offset: this.dataStart + this.info(name).begin };
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (info) return info;
    throw noSuchTensor(name, this.tensors, this.path);
  }
}

async function readHeaderLength(file: OpenedFile, path: string): Promise<number> {
  const field = new Uint8Array(LENGTH_BYTES);
  await readFully(file, field, 0, path);
  const length = new DataView(field.buffer).getBigUint64(0, true);
  const size = await sizeOfOpen(file, path);
  const limit = Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES);
  if (length <= BigInt(limit)) return Number(length);
  throw new CheckpointError({
    what: "the safetensors header length is out of bounds",
    where: path,
    got: `${length} bytes`,
    expected: `at most ${limit} bytes`,
  });
}

const sizeOfOpen = (file: OpenedFile, path: string): Promise<number> =>
  onDisk("the file cannot be read", path, async () => (await file.stat()).size);
