import { open } from "node:fs/promises";
import { basename } from "node:path";
import { CheckpointError } from "../errors.js";
import { BackgroundSync } from "./background-sync.js";
import { onDisk } from "./disk.js";
import { ARRAY_OF, bytesOf, DTYPE_BYTES, type TensorArray, type WritableDtype } from "./dtypes.js";
import { outside } from "./file-bytes.js";
import { hashAll, type Piece } from "./hash-jobs.js";
import type { RowRange } from "./row-ranges.js";
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
  /** The ranges of every tensor. */
  ranges: ReadonlyMap<string, readonly Range[]>;
}

/**
 * Writes a new safetensors file and syncs it to disk. The data must not change until the promise settles. Equal tensors
 * give equal bytes, whatever the order of the map.
 * @param inRanges rows with checksums of their own, by tensor, ascending and without gaps between them
 * @throws CheckpointError if data does not match its shape; there is no file then. DiskError if the file cannot be written
 */
export async function writeSafetensors(
  path: string,
  tensors: Map<string, TensorSource>,
  inRanges: ReadonlyMap<string, readonly RowRange[]> = new Map(),
): Promise<WrittenFile> {
  const layout = layOut(tensors);
  const header = encodeHeader({ tensors: layout, metadata: {} });
  const placed = [...layout].map(([name, { begin }]) => {
    const tensor = tensors.get(name)!;
    const piece = pieceOf(name, tensor, header.length + begin);
    const parts = (inRanges.get(name) ?? []).map((range) => ({ range, piece: rowsOf(piece, tensor, range) }));
    return { name, piece, parts };
  });
  const rest = placed.flatMap(({ piece, parts }) => without(piece, parts));
  const ranged = placed.flatMap(({ parts }) => parts);
  const jobs = [[bytesAt(header, 0), ...rest], ...ranged.map(({ piece }) => [piece])];
  const [sha256, ...checksums] = await writeAll(path, jobs);
  const next = checksums.values();
  return {
    bytes: Math.max(header.length, ...placed.map(({ piece }) => piece.end)),
    sha256,
    ranges: new Map(
      placed.map(({ name, parts }) => [
        name,
        parts.map((part) => describe(basename(path), part, next.next().value!)),
      ]),
    ),
  };
}

function describe(file: string, { range, piece: { begin, end } }: RangePiece, checksum: string): Range {
  const { slots, columns, counts } = range;
  return {
    ...{ file, offset: begin, bytes: end - begin, checksum },
    ...(slots && { slots: [...slots] }),
    ...(columns && { columns: [...columns] }),
    ...(counts && { counts: [...counts] }),
  };
}

/** Writes a new file, syncs it, and returns the checksum of each job. */
function writeAll(path: string, jobs: readonly (readonly Piece[])[]): Promise<string[]> {
  return onDisk("the file cannot be written", path, async () => {
    const file = await open(path, "wx");
    try {
      const written = new BackgroundSync(file);
      const checksums = await hashAll(jobs, (bytes, position) => written.write(bytes, position));
      await written.finish();
      return checksums;
    } finally {
      await file.close();
    }
  });
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

/** Rows of a tensor as a piece of their own. */
interface RangePiece {
  readonly range: RowRange;
  readonly piece: Piece;
}

function rowsOf({ begin, fill }: Piece, { dtype, shape }: TensorSource, { first, end }: RowRange): Piece {
  const rowBytes = elementCount(shape.slice(1)) * DTYPE_BYTES[dtype];
  return { begin: begin + first * rowBytes, end: begin + end * rowBytes, fill };
}

/** What is left of a piece outside its ranges. */
function without({ begin, end, fill }: Piece, parts: readonly RangePiece[]): Piece[] {
  const stretches = parts.map(({ piece }) => [piece.begin - begin, piece.end - begin] as const);
  return outside(stretches, end - begin).map(([from, to]) => ({
    begin: begin + from,
    end: begin + to,
    fill,
  }));
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
