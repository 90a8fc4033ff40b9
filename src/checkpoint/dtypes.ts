/** All element types of the safetensors format, with their sizes in bytes. */
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

/** Array types for reading and writing tensors; a `Uint16Array` holds the bits of 16-bit floats. */
export type TensorArray =
  | Float32Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Uint16Array;

/** The types that can be written, and the array type of each. */
export const ARRAY_OF = {
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F16: Uint16Array,
  BF16: Uint16Array,
} as const;
export type WritableDtype = keyof typeof ARRAY_OF;

/** The 16-bit floats; float32 represents all their values exactly. */
export const HALF_DTYPES = { F16: "fp16", BF16: "bf16" } as const;

export const isWritable = (dtype: Dtype): dtype is WritableDtype => Object.hasOwn(ARRAY_OF, dtype);
export const isHalf = (dtype: Dtype): dtype is keyof typeof HALF_DTYPES => Object.hasOwn(HALF_DTYPES, dtype);

/**
 * The bytes of a typed array, without a copy. Files are little-endian, like every platform that Node supports except
 * s390x.
 */
export function bytesOf(array: TensorArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
