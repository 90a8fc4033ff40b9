/** The native core's transforms of columns (native/ingest). */

/** A VARCHAR or DOUBLE column of a DuckDB chunk. The chunk must stay alive. */
export interface ColumnVector {
  /** As returned by DuckDB's bindings. */
  readonly vector: object;
  readonly rows: number;
}

/** Numbers that `parseNumbers` read: the value of each row, and a mask of the rows that have one. */
export interface ParsedColumn {
  readonly values: Float64Array;
  /** Bit r % 8 of byte r / 8 is set if row r has a value. */
  readonly present: Uint8Array;
  readonly rows: number;
}

/** The position of a column: row r is `data[offset + r*stride]`. */
export interface NativeTarget<Values> {
  readonly data: Values;
  readonly offset: number;
  readonly stride: number;
}

/** 64-bit ids; `codes` has 0 for each row, or the negative number that says why there is no id. */
export interface NativeWideIds extends NativeTarget<BigInt64Array> {
  readonly codes: Int8Array;
}

/** In 32 bits, a row without an id has the negative number itself. */
export type NativeIds = NativeTarget<Int32Array> | NativeWideIds;

/** The memory of a `ByteVocabulary`. */
export interface NativeVocabulary {
  readonly slots: Uint32Array;
  readonly starts: Float64Array;
  readonly bytes: Uint8Array;
}

/** native/ingest/columns.h identifies a transform by its index in this list. */
const numberTransforms = ["identity", "log", "affine"] as const;

/** affine: `(x - shift) / scale`. */
export interface NativeNumberTransform {
  readonly kind: (typeof numberTransforms)[number];
  readonly shift?: number;
  readonly scale?: number;
}

export interface ColumnCalls {
  /**
   * Looks up DuckDB's vector functions in its library, which the process has loaded from this path; returns true on
   * success. The other functions throw before that.
   */
  useDuckdb(path: string): boolean;
  /** Hashes each text modulo `size`; `missing` for missing texts. Returns the number of texts without an id. */
  hashTexts(texts: ColumnVector, size: number, missing: number, ids: NativeIds): number;
  /** The key of each text: an integer itself, the 64-bit hash of another text. Returns the number of texts without one. */
  keysOfTexts(texts: ColumnVector, missing: number, ids: NativeWideIds): number;
  /** Looks up each text in a vocabulary; `unknown` if it is not there. Returns the number of negative ids. */
  lookUpTexts(
    texts: ColumnVector,
    vocabulary: NativeVocabulary,
    unknown: number,
    missing: number,
    ids: NativeTarget<Int32Array>,
  ): number;
  /**
   * Reads texts as numbers into memory for as many rows. NaN marks texts that the caller must read. Returns the number of
   * NaNs.
   */
  parseNumbers(texts: ColumnVector, numbers: ParsedColumn): number;
  /**
   * Transforms numbers in float64 and rounds to fp32. NaN marks results that are not finite and, rarely, results whose
   * last bit the caller must decide. Returns the number of NaNs.
   */
  encodeNumbers(
    numbers: ColumnVector | ParsedColumn,
    transform: NativeNumberTransform,
    missing: number,
    results: NativeTarget<Float32Array>,
  ): number;
}

type RawColumn = [vector: object, rows: number];
type RawTarget<Values> = [data: Values, offset: number, stride: number];
type RawIds = [data: Int32Array | BigInt64Array, offset: number, stride: number, codes?: Int8Array];

const rawIds = (ids: NativeIds): RawIds => {
  const { data, offset, stride } = ids;
  return "codes" in ids ? [data, offset, stride, ids.codes] : [data, offset, stride];
};

/** The addon's own functions with flat arguments, see native/binding/ingest.h. */
export interface RawColumnCalls {
  useDuckdb(path: string): boolean;
  hashTexts(...call: [...RawColumn, size: number, missing: number, ...RawIds]): number;
  keysOfTexts(...call: [...RawColumn, missing: number, ...RawIds]): number;
  lookUpTexts(
    ...call: [
      ...RawColumn,
      slots: Uint32Array,
      starts: Float64Array,
      bytes: Uint8Array,
      unknown: number,
      missing: number,
      ...RawTarget<Int32Array>,
    ]
  ): number;
  parseNumbers(...call: [...RawColumn, values: Float64Array, present: Uint8Array]): number;
  encodeNumbers(
    ...call: [
      values: object,
      present: Uint8Array | undefined,
      rows: number,
      kind: number,
      shift: number,
      scale: number,
      missing: number,
      ...RawTarget<Float32Array>,
    ]
  ): number;
}

/** @param explained runs a call and converts its errors to ExecutionError */
export function wrapColumnCalls(raw: RawColumnCalls, explained: <T>(call: () => T) => T): ColumnCalls {
  return {
    useDuckdb: (path) => raw.useDuckdb(path),
    hashTexts: ({ vector, rows }, size, missing, ids) =>
      explained(() => raw.hashTexts(vector, rows, size, missing, ...rawIds(ids))),
    keysOfTexts: ({ vector, rows }, missing, ids) =>
      explained(() => raw.keysOfTexts(vector, rows, missing, ...rawIds(ids))),
    lookUpTexts: ({ vector, rows }, vocabulary, unknown, missing, ids) => {
      const { slots, starts, bytes } = vocabulary;
      const { data, offset, stride } = ids;
      return explained(() =>
        raw.lookUpTexts(vector, rows, slots, starts, bytes, unknown, missing, data, offset, stride),
      );
    },
    parseNumbers: ({ vector, rows }, { values, present }) =>
      explained(() => raw.parseNumbers(vector, rows, values, present)),
    encodeNumbers: (numbers, transform, missing, { data, offset, stride }) => {
      const { shift = 0, scale = 1 } = transform;
      const [values, present] =
        "vector" in numbers ? [numbers.vector, undefined] : [numbers.values, numbers.present];
      const kind = numberTransforms.indexOf(transform.kind);
      return explained(() =>
        raw.encodeNumbers(values, present, numbers.rows, kind, shift, scale, missing, data, offset, stride),
      );
    },
  };
}
