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

/** Arrays that tensors are written from and read into; 16-bit floats are the bits of a `Uint16Array`. */
export type TensorArray = Float32Array | Int32Array | BigInt64Array | Uint16Array;

/** Types that are written, each from one kind of array. */
export const ARRAY_OF = {
  F32: Float32Array,
  I32: Int32Array,
  I64: BigInt64Array,
  F16: Uint16Array,
  BF16: Uint16Array,
} as const;
export type WritableDtype = keyof typeof ARRAY_OF;

/** The 16-bit floats, all of whose values a float32 holds exactly. */
export const HALF_DTYPES = { F16: "fp16", BF16: "bf16" } as const;

export const isWritable = (dtype: Dtype): dtype is WritableDtype => Object.hasOwn(ARRAY_OF, dtype);
export const isHalf = (dtype: Dtype): dtype is keyof typeof HALF_DTYPES => Object.hasOwn(HALF_DTYPES, dtype);

/** The bytes under a typed array, without a copy. Files are little-endian, as is every platform Node runs on but s390x. */
export function bytesOf(array: TensorArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
