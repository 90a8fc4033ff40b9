import type { Memory } from "../backends/backend.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import type { Tensors } from "../checkpoint/tensors.js";
import { type Numbers, narrow, numbersOf } from "../half.js";
import type { ParameterAttrs } from "../ops/sources.js";

/** A parameter and where it is. */
export interface Parameter {
  readonly attrs: ParameterAttrs;
  readonly memory: Memory;
}

/** What safetensors files call the dtypes. */
const FILE_DTYPES = { fp32: "F32", fp16: "F16", bf16: "BF16" } as const;

export const fileDtype = ({ dtype = "fp32" }: ParameterAttrs) => FILE_DTYPES[dtype];

export function elementsOf({ shape }: ParameterAttrs): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

export function bytesOf(attrs: ParameterAttrs): number {
  return elementsOf(attrs) * (attrs.dtype === "fp16" || attrs.dtype === "bf16" ? 2 : 4);
}

/** Elements that are copied at once: a few MiB, whatever the parameter's size. */
const PIECE = 1 << 20;

/** What a checkpoint writes of a parameter, read from its memory piece by piece while it is written. */
export function tensorOf({ attrs, memory }: Parameter): TensorSource {
  return { dtype: fileDtype(attrs), shape: attrs.shape, data: piecesOf(memory) };
}

function* piecesOf(memory: Memory): Generator<Numbers> {
  const { elements, dtype } = memory;
  const piece = numbersOf(dtype, Math.min(PIECE, elements));
  for (let from = 0; from < elements; from += piece.length) {
    const part = piece.subarray(0, elements - from);
    memory.read(from, part);
    yield part;
  }
}

/** Sets elements from number `from` on; where they have 16 bits, to the nearest. */
export function setNumbers(memory: Memory, values: Float32Array, from = 0): void {
  memory.write(from, toDtype(values, memory.dtype));
}

/** fp32 as they are, else the nearest of 16 bits. */
export function toDtype(values: Float32Array, dtype: Memory["dtype"]): Numbers {
  if (dtype === "fp32") return values;
  const halves = new Uint16Array(values.length);
  narrow(values, halves, dtype);
  return halves;
}

/**
 * Fills a parameter with the tensor of the name: as it is where both have one dtype, else by way of fp32.
 * @throws CheckpointError where there is none, or it has fewer elements
 */
export async function readParameter(
  file: Tensors,
  name: string,
  { attrs, memory }: Parameter,
): Promise<void> {
  const { dtype } = file.tensors.get(name) ?? {};
  const same = dtype === fileDtype(attrs);
  const piece = numbersOf(same ? memory.dtype : "fp32", Math.min(file.pieceOf(name), memory.elements));
  for (let from = 0; from < memory.elements; from += piece.length) {
    const part = piece.subarray(0, memory.elements - from);
    await file.readInto(name, part, from);
    if (same) memory.write(from, part);
    else setNumbers(memory, part as Float32Array, from);
  }
}
