/** The native core's transforms of columns (native/ingest). */

/** A VARCHAR or DOUBLE column of a chunk of DuckDB, which must be alive. */
export interface ColumnVector {
  /** As DuckDB's bindings give it. */
  readonly vector: object;
  readonly rows: number;
}

/** Where row r of a column goes: `data[offset + r*stride]`. */
export interface NativeTarget<Values> {
  readonly data: Values;
  readonly offset: number;
  readonly stride: number;
}

/** `ByteVocabulary`'s memory. */
export interface NativeVocabulary {
  readonly slots: Uint32Array;
  readonly starts: Float64Array;
  readonly bytes: Uint8Array;
}

/** The place in this list is the number by which native/ingest/columns.h knows a transform. */
const numberTransforms = ["identity", "log", "affine"] as const;

/** affine: `(x - shift) / scale`. */
export interface NativeNumberTransform {
  readonly kind: (typeof numberTransforms)[number];
  readonly shift?: number;
  readonly scale?: number;
}

export interface ColumnCalls {
  /**
   * Takes the functions that read vectors from DuckDB's library, which the process has loaded from this path; returns
   * whether it has. The others throw before it once has.
   */
  useDuckdb(path: string): boolean;
  /** The hash modulo `size` of each text; `missing` where there is none. Returns how many ids are negative. */
  hashTexts(texts: ColumnVector, size: number, missing: number, ids: NativeTarget<Int32Array>): number;
  /** The row of each text in a vocabulary, or `unknown`. Returns how many ids are negative. */
  lookUpTexts(
    texts: ColumnVector,
    vocabulary: NativeVocabulary,
    unknown: number,
    missing: number,
    ids: NativeTarget<Int32Array>,
  ): number;
  /**
   * Transforms numbers, computed in f64 and rounded to fp32. NaN stands where a result is not finite, and, rarely,
   * where the last bit is the caller's to settle. Returns how many are NaN.
   */
  encodeNumbers(
    numbers: ColumnVector,
    transform: NativeNumberTransform,
    missing: number,
    results: NativeTarget<Float32Array>,
  ): number;
}

type RawColumn = [vector: object, rows: number];
type RawTarget<Values> = [data: Values, offset: number, stride: number];

/** The addon's own functions: flat values, see native/binding/ingest.h. */
export interface RawColumnCalls {
  useDuckdb(path: string): boolean;
  hashTexts(...call: [...RawColumn, size: number, missing: number, ...RawTarget<Int32Array>]): number;
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
  encodeNumbers(
    ...call: [
      ...RawColumn,
      kind: number,
      shift: number,
      scale: number,
      missing: number,
      ...RawTarget<Float32Array>,
    ]
  ): number;
}

/** @param explained runs a call and makes of its errors what all errors are */
export function wrapColumnCalls(raw: RawColumnCalls, explained: <T>(call: () => T) => T): ColumnCalls {
  return {
    useDuckdb: (path) => raw.useDuckdb(path),
    hashTexts: ({ vector, rows }, size, missing, { data, offset, stride }) =>
      explained(() => raw.hashTexts(vector, rows, size, missing, data, offset, stride)),
    lookUpTexts: ({ vector, rows }, vocabulary, unknown, missing, ids) => {
      const { slots, starts, bytes } = vocabulary;
      const { data, offset, stride } = ids;
      return explained(() =>
        raw.lookUpTexts(vector, rows, slots, starts, bytes, unknown, missing, data, offset, stride),
      );
    },
    encodeNumbers: ({ vector, rows }, transform, missing, { data, offset, stride }) => {
      const { shift = 0, scale = 1 } = transform;
      const kind = numberTransforms.indexOf(transform.kind);
      return explained(() =>
        raw.encodeNumbers(vector, rows, kind, shift, scale, missing, data, offset, stride),
      );
    },
  };
}
