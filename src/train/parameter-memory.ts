import type { ParameterArray } from "../backends/backend.js";
import type { SafetensorsFile } from "../checkpoint/safetensors-reader.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import { narrow } from "../half.js";
import type { ParameterAttrs } from "../ops/sources.js";

/** A parameter and where it is. */
export interface Parameter {
  readonly attrs: ParameterAttrs;
  readonly data: ParameterArray;
}

/** What safetensors files call the dtypes. */
const FILE_DTYPES = { f32: "F32", f16: "F16", bf16: "BF16" } as const;

const fileDtype = ({ dtype = "f32" }: ParameterAttrs) => FILE_DTYPES[dtype];

export function elementsOf({ shape }: ParameterAttrs): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

export function bytesOf(attrs: ParameterAttrs): number {
  return elementsOf(attrs) * (attrs.dtype === "f16" || attrs.dtype === "bf16" ? 2 : 4);
}

/** What a checkpoint writes of a parameter. */
export function tensorOf({ attrs, data }: Parameter): TensorSource {
  return { dtype: fileDtype(attrs), shape: attrs.shape, data };
}

/** Sets elements from number `from` on; where they have 16 bits, to the nearest. */
export function setNumbers({ attrs, data }: Parameter, values: Float32Array, from = 0): void {
  const { dtype = "f32" } = attrs;
  if (dtype === "f32") data.set(values, from);
  else narrow(values, data.subarray(from, from + values.length) as Uint16Array, dtype);
}

const SLICE = 1 << 20;

/**
 * Fills a parameter with the tensor of the name: as it is where both have one dtype, else by way of f32.
 * @throws CheckpointError where there is none, or it has fewer elements
 */
export async function readParameter(
  file: SafetensorsFile,
  name: string,
  parameter: Parameter,
): Promise<void> {
  const { attrs, data } = parameter;
  if (data instanceof Float32Array || file.tensors.get(name)?.dtype === fileDtype(attrs))
    return file.readInto(name, data);
  const values = new Float32Array(Math.min(SLICE, data.length));
  for (let from = 0; from < data.length; from += values.length) {
    const slice = values.subarray(0, data.length - from);
    await file.readInto(name, slice, from);
    setNumbers(parameter, slice, from);
  }
}
