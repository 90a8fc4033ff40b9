import { freemem, totalmem } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { Memory, Rows } from "../backends/backend.js";
import { elementCount } from "../checkpoint/safetensors-header.js";
import type { ReadElements, TensorSource } from "../checkpoint/safetensors-writer.js";
import type { StoredRows, Tensors } from "../checkpoint/tensors.js";
import { CheckpointError } from "../errors.js";
import type { Shard } from "../graph/placement.js";
import { type Numbers, narrow, numbersOf } from "../half.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { firstNonFinite, refuseInfiniteWeights } from "./diverged.js";

/** A parameter and its memory. */
export interface Parameter {
  readonly attrs: ParameterAttrs;
  readonly memory: Memory;
  /** The rows that the memory has, if other ranks have the others. */
  readonly shard?: Shard;
}

/** The safetensors names of the dtypes. */
const FILE_DTYPES = { fp32: "F32", fp16: "F16", bf16: "BF16" } as const;

export const fileDtype = ({ dtype = "fp32" }: ParameterAttrs) => FILE_DTYPES[dtype];

export function elementsOf({ shape }: ParameterAttrs): number {
  return elementCount(shape);
}

export function bytesOf(attrs: ParameterAttrs): number {
  return elementsOf(attrs) * (attrs.dtype === "fp16" || attrs.dtype === "bf16" ? 2 : 4);
}

/** Bytes of memory that this process may use at most. */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** The same without what others use, where the system tells it: macOS does not count what it could take back. */
export const freeMemory = (): number =>
  process.platform === "darwin" ? machineMemory() : Math.min(machineMemory(), freemem());

/**
 * A parameter as a tensor for a checkpoint, read from memory in pieces while it is written.
 * @param rows only these, in this order; default all
 */
export function tensorOf({ attrs, memory }: Parameter, rows?: Rows): TensorSource {
  const [, ...inner] = attrs.shape;
  const width = elementCount(inner);
  // Numbers that are not finite are found here, between memory and the hash of the file, and are never saved.
  const data: ReadElements = (from, into) => {
    if (rows) memory.gather(rows, width, from, into as Numbers);
    else memory.read(from, into as Numbers);
    refuseInfiniteWeights(into as Numbers, memory.dtype, attrs.name);
  };
  return { dtype: fileDtype(attrs), shape: rows ? [rows.length, ...inner] : attrs.shape, data };
}

/** Elements per piece: a few MiB. */
const PIECE = 1 << 20;

/** The first elements in order, by default all; each piece is valid until the next one is taken. */
export function* piecesOf(memory: Memory, elements = memory.elements): Generator<Numbers> {
  const { dtype } = memory;
  const piece = numbersOf(dtype, Math.min(PIECE, elements));
  for (let from = 0; from < elements; from += piece.length) {
    const part = piece.subarray(0, elements - from);
    memory.read(from, part);
    yield part;
  }
}

/** Sets elements beginning at index `from`; 16-bit formats round to nearest. */
export function setNumbers(memory: Memory, values: Float32Array, from = 0): void {
  memory.write(from, toDtype(values, memory.dtype));
}

/** Returns fp32 numbers unchanged, or rounded to nearest for 16-bit formats. */
export function toDtype(values: Float32Array, dtype: Memory["dtype"]): Numbers {
  if (dtype === "fp32") return values;
  const halves = new Uint16Array(values.length);
  narrow(values, halves, dtype);
  return halves;
}

/** The shape of a saved parameter: a dynamic table is saved without the rows that no key has. */
export function savedShape([rows]: readonly number[], { shape, byKey }: ParameterAttrs): readonly number[] {
  const [most, ...rest] = shape;
  return byKey ? [Math.min(rows, most), ...rest] : shape;
}

/** A table's numbers are stored as [rows, 1], if there is one number per row. */
export function isSameShape(there: readonly number[], here: readonly number[]): boolean {
  const stored = here.length === 1 && there.length === 2 ? [...here, 1] : here;
  return stored.length === there.length && stored.every((dim, i) => dim === there[i]);
}

/**
 * The shape of the tensor of this name.
 * @throws CheckpointError if it does not fit the parameter
 */
export function checkShape({ tensors }: Tensors, name: string, attrs: ParameterAttrs): readonly number[] {
  const there = tensors.get(name);
  const shape = there ? savedShape(there.shape, attrs) : attrs.shape;
  if (there && !isSameShape(there.shape, shape)) throw otherShape(name, there.shape, attrs.shape);
  return shape;
}

function otherShape(name: string, there: readonly number[], here: readonly number[]): CheckpointError {
  return new CheckpointError({
    what: "a tensor of the checkpoint has another shape than the model's",
    where: name,
    got: `[${there.join(", ")}]`,
    expected: `[${here.join(", ")}]`,
    next: "Use the checkpoint with the config that it was trained with.",
  });
}

/** @throws CheckpointError if a parameter cannot have one of these numbers, which were read from a checkpoint */
export function refusePoisoned(
  values: Numbers,
  dtype: Memory["dtype"],
  { name, nonnegative }: Pick<ParameterAttrs, "name" | "nonnegative">,
): void {
  const report = {
    where: name,
    next: "Use an older checkpoint of the run. To resume from it, remove the directory of this one.",
  };
  if (firstNonFinite(values, dtype) >= 0)
    throw new CheckpointError({
      what: "the checkpoint has weights that are not finite",
      got: "an infinity or NaN",
      expected: "finite numbers",
      ...report,
    });
  const negative = dtype === "fp32" && nonnegative ? values.findIndex((x) => x < 0) : -1;
  if (negative >= 0)
    throw new CheckpointError({
      what: "the checkpoint has a mean or sum of squares below 0",
      got: String(values[negative]),
      expected: "numbers that are not negative",
      ...report,
    });
}

/**
 * Fills a parameter from the tensor of this name: a plain copy if the dtypes are equal, else converted through fp32.
 * @throws CheckpointError if the tensor is missing, has another shape, or has numbers that are not finite
 */
export async function readParameter(
  file: Tensors,
  name: string,
  { attrs, memory }: Parameter,
): Promise<void> {
  const there = file.tensors.get(name);
  const shape = checkShape(file, name, attrs);
  const same = there?.dtype === fileDtype(attrs);
  const dtype = same ? memory.dtype : "fp32";
  const { words, nonnegative } = attrs;
  const piecewise = { name, dtype, elements: elementCount(shape), words, nonnegative };
  await readPieces(file, piecewise, (from, piece) => {
    if (same) memory.write(from, piece);
    else setNumbers(memory, piece as Float32Array, from);
  });
}

/**
 * The same from a sparse table: only its stored rows.
 * @throws CheckpointError
 */
export async function readStoredRows(
  { rows, numbers }: StoredRows,
  name: string,
  { attrs, memory }: Parameter,
): Promise<void> {
  const width = elementsOf(attrs) / attrs.shape[0];
  const { nonnegative } = attrs;
  const piecewise = { name, dtype: memory.dtype, elements: rows.length * width, nonnegative };
  await readPieces(numbers, piecewise, (from, piece) => {
    const first = from / width;
    memory.scatter(rows.subarray(first, first + piece.length / width), width, piece);
  });
}

interface Piecewise extends Pick<ParameterAttrs, "name" | "words" | "nonnegative"> {
  readonly dtype: Memory["dtype"];
  readonly elements: number;
}

/**
 * Reads the first elements of a tensor in pieces. One is read while the one before it is used.
 * @throws CheckpointError if numbers are not finite
 */
export async function readPieces(
  file: Pick<Tensors, "readInto" | "pieceOf">,
  { name, dtype, elements, words, nonnegative }: Piecewise,
  use: (from: number, piece: Numbers) => void,
): Promise<void> {
  const size = Math.max(1, Math.min(file.pieceOf(name), elements));
  const pieces = [0, 1].map(() => numbersOf(dtype, size));
  const read = async (from: number) => {
    const piece = pieces[(from / size) % 2].subarray(0, Math.max(0, elements - from));
    await file.readInto(name, piece, Math.min(from, elements));
    return piece;
  };
  let next = read(0);
  try {
    for (let from = 0; from < elements; from += size) {
      const piece = await next;
      next = read(from + size);
      if (!words) refusePoisoned(piece, dtype, { name, nonnegative });
      use(from, piece);
    }
  } finally {
    await next;
  }
}

/**
 * The stored rows of a sparse table whose other rows a memory can be filled with. Those of quantized tables are read with all their
 * rows.
 */
export function storedBesideFilled(file: Tensors, name: string): StoredRows | undefined {
  const stored = file.tensors.has(name) ? file.stored?.(name) : undefined;
  return stored?.initial.quantized ? undefined : stored;
}

/** Whether the stored rows of a sparse table fit a parameter without conversion. */
export function fitsStored(attrs: ParameterAttrs, there: Tensors["tensors"], name: string): boolean {
  const { dtype, shape } = there.get(name)!;
  return dtype === fileDtype(attrs) && isSameShape(shape, attrs.shape);
}

/** A mapped table. */
export interface MappedTable {
  readonly memory: Memory;
  /** The elements that the file has: a dynamic table may have fewer keys than room for them. */
  readonly inFile: number;
}

/** @throws CheckpointError if a number that the file has is not finite */
export async function checkMapped({ memory, inFile }: MappedTable, name: string): Promise<void> {
  for (const piece of piecesOf(memory, inFile)) {
    refusePoisoned(piece, memory.dtype, { name });
    await setImmediate(); // a table of many GB does not block the process
  }
}
