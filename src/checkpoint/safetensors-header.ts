import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { listOf, membersOf, parseUntrusted } from "../untrusted.js";
import { DTYPE_BYTES, type Dtype } from "./dtypes.js";

/**
 * The safetensors file format: an unsigned 64-bit little-endian header length, a JSON header, then the tensors' bytes
 * without gaps. https://github.com/huggingface/safetensors#format
 */
export interface TensorInfo {
  dtype: Dtype;
  shape: number[];
  /** Byte range [begin, end), relative to the start of the file's data part. */
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  tensors: Map<string, TensorInfo>;
  metadata: Record<string, string>;
}

/** The limit of the format. It prevents a huge allocation for an invalid length field. */
export const MAX_HEADER_BYTES = 100_000_000;
export const LENGTH_BYTES = 8;
const METADATA_KEY = "__metadata__";
/** A cache line: lookups in a mapped table take up to twice as long where its rows do not begin with one. */
const ALIGNMENT = 64;
/** Far more than any model has. */
const [MOST_TENSORS, MOST_DIMENSIONS] = [2 ** 18, 2 ** 6];

const size = z.number().int().nonnegative();
const tensorSchema = z.object({
  dtype: z.enum(Object.keys(DTYPE_BYTES) as [Dtype, ...Dtype[]]),
  shape: listOf(size, MOST_DIMENSIONS),
  data_offsets: z.tuple([size, size]),
});
const tensorsSchema = membersOf(z.string(), tensorSchema, MOST_TENSORS);
const metadataSchema = membersOf(z.string(), z.string(), MOST_TENSORS).default({});

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * Places tensors by the power of two, up to 64, that divides their bytes, largest first, then by name. So every tensor begins at a
 * multiple of it: elements are aligned, and so are rows of 2, 4, 8, 16, 32 or whole multiples of 64 bytes. The bytes of the file do
 * not depend on insertion order.
 */
export function layOut(
  tensors: Map<string, { dtype: Dtype; shape: readonly number[] }>,
): Map<string, TensorInfo> {
  const ordered = [...tensors]
    .map(([name, { dtype, shape }]) => ({
      name,
      dtype,
      shape,
      bytes: elementCount(shape) * DTYPE_BYTES[dtype],
    }))
    .sort((a, b) => alignmentOf(b.bytes) - alignmentOf(a.bytes) || (a.name < b.name ? -1 : 1));
  let begin = 0;
  const placed = new Map<string, TensorInfo>();
  for (const { name, dtype, shape, bytes } of ordered) {
    const end = begin + bytes;
    placed.set(name, { dtype, shape: [...shape], begin, end });
    begin = end;
  }
  return placed;
}

function alignmentOf(bytes: number): number {
  const rest = bytes % ALIGNMENT;
  return rest === 0 ? ALIGNMENT : rest & -rest;
}

/** Length field and header, padded with spaces so that the data begins at a multiple of 64 bytes. */
export function encodeHeader({ tensors, metadata }: SafetensorsHeader): Uint8Array {
  const entries = [...tensors].map(([name, { dtype, shape, begin, end }]) => [
    name,
    { dtype, shape, data_offsets: [begin, end] },
  ]);
  const head = Object.keys(metadata).length > 0 ? [[METADATA_KEY, metadata]] : [];
  const json = Buffer.from(JSON.stringify(Object.fromEntries([...head, ...entries])));
  const bytes = Math.ceil((LENGTH_BYTES + json.length) / ALIGNMENT) * ALIGNMENT;
  const length = bytes - LENGTH_BYTES;
  const encoded = Buffer.alloc(bytes, " ");
  encoded.writeBigUInt64LE(BigInt(length));
  json.copy(encoded, LENGTH_BYTES);
  return encoded;
}

/**
 * Parses and verifies a header: types and shapes must match the offsets, and the tensors must cover the data part
 * exactly, without overlaps, gaps or extra bytes.
 * @param dataBytes length of the data part of the file
 * @param where file name for errors
 * @throws CheckpointError
 */
export function decodeHeader(json: Uint8Array, dataBytes: number, where: string): SafetensorsHeader {
  const { metadata, entries } = parseHeader(json, where);
  const tensors = new Map<string, TensorInfo>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const [begin, end] = data_offsets;
    checkSize(`${where}: ${name}`, end - begin, elementCount(shape) * DTYPE_BYTES[dtype]);
    tensors.set(name, { dtype, shape, begin, end });
  }
  checkCover(tensors, dataBytes, where);
  return { tensors, metadata };
}

function parseHeader(bytes: Uint8Array, where: string) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const { [METADATA_KEY]: metadata, ...entries } = z.looseObject({}).parse(parseUntrusted(text));
    return { metadata: metadataSchema.parse(metadata), entries: tensorsSchema.parse(entries) };
  } catch (cause) {
    const got = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new CheckpointError({ what: "the safetensors header cannot be read", where, got }, { cause });
  }
}

function checkSize(where: string, got: number, expected: number): void {
  if (got === expected) return;
  throw new CheckpointError({
    what: "data_offsets do not match the tensor's shape",
    where,
    got: `${got} bytes`,
    expected: `${expected} bytes`,
  });
}

function checkCover(tensors: Map<string, TensorInfo>, dataBytes: number, where: string): void {
  let covered = 0;
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of inOrder) {
    if (begin !== covered) throw notContiguous(`${where}: ${name}`, begin, covered);
    covered = end;
  }
  if (covered === dataBytes) return;
  throw new CheckpointError({
    what: covered > dataBytes ? "the file is truncated" : "the file has bytes that belong to no tensor",
    where,
    got: `${dataBytes} bytes of tensor data`,
    expected: `${covered} bytes`,
  });
}

function notContiguous(where: string, begin: number, covered: number): CheckpointError {
  return new CheckpointError({
    what: begin < covered ? "tensors overlap" : "there is a gap before the tensor",
    where,
    got: `data begins at ${begin}`,
    expected: `data begins at ${covered}`,
  });
}
