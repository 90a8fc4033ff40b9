/** Element types of the safetensors format, by their bytes: every type that a header may name. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** Arrays that tensors are written from and read into. */
export type TensorArray = Float32Array | Int32Array | BigInt64Array;

/** Types that are written, each from one kind of array. */
export const ARRAY_OF = { F32: Float32Array, I32: Int32Array, I64: BigInt64Array } as const;
export type WritableDtype = keyof typeof ARRAY_OF;

/** The 16-bit floats, all of whose values a float32 holds exactly. */
export const WIDEN = { F16: float16ToFloat32, BF16: bfloat16ToFloat32 } as const;

export const isWritable = (dtype: Dtype): dtype is WritableDtype => Object.hasOwn(ARRAY_OF, dtype);
export const isHalf = (dtype: Dtype): dtype is keyof typeof WIDEN => Object.hasOwn(WIDEN, dtype);

/** The bytes under a typed array, without a copy. Files are little-endian, as is every platform Node runs on but s390x. */
export function bytesOf(array: TensorArray | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function float16ToFloat32(from: Uint16Array, to: Float32Array): void {
  for (let i = 0; i < from.length; i++) {
    const sign = from[i] & 0x8000 ? -1 : 1;
    const exponent = (from[i] >>> 10) & 0x1f;
    const fraction = from[i] & 0x3ff;
    if (exponent === 0) to[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) to[i] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else to[i] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
}

/** bfloat16 is the upper half of a float32. */
function bfloat16ToFloat32(from: Uint16Array, to: Float32Array): void {
  const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
  for (let i = 0; i < from.length; i++) bits[i] = from[i] << 16;
}
