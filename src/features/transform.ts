import { NARROW_ROWS } from "../graph/tensor.js";
import { murmur3, murmur3Wide } from "../murmur3.js";
import { refusalIn } from "./canonical.js";
import { parseExpression } from "./expression.js";
import type {
  FittedBag,
  FittedFeatures,
  FittedId,
  FittedKey,
  FittedNumber,
  IdMapping,
  NumberTransform,
} from "./fitted.js";
import { Refusal } from "./refusal.js";
import { keyOf } from "./table-key.js";
import { ByteVocabulary, synonymRows } from "./vocabulary.js";

/**
 * Compiled transforms of fitted features. Packing and serving call the same functions for every value. They return an id
 * (the number of a row, or a key of 64 bits) or a negative `Refusal`. Keys are `bigint`, so that they may be negative.
 */

/** Maps canonical text, given as UTF-8 bytes `[start, end)`, to ids. */
export interface TextTransform {
  readonly reads: "text";
  /** Describes {@link encode} to kernels that process whole columns. */
  readonly mapping: TextMapping;
  encode(bytes: Uint8Array, start: number, end: number): number | bigint;
}

export type TextMapping =
  | { readonly kind: "hash"; readonly size: number }
  | { readonly kind: "key" }
  /** `unknown` is a row or a refusal. */
  | { readonly kind: "vocabulary"; readonly vocabulary: ByteVocabulary; readonly unknown: number };

/** Maps numbers to ids; NaN stands for text that is not a number. */
export interface NumericTransform {
  readonly reads: "number";
  encode(value: number): number;
}

export type IdTransform = TextTransform | NumericTransform;

type VocabularyMapping = Extract<IdMapping, { readonly kind: "vocabulary" }>;

/** Vocabularies, compiled on first use and shared by features of one table with the same synonyms. */
export type VocabularyCache = (mapping: VocabularyMapping) => ByteVocabulary;

export function vocabularyCache(fitted: FittedFeatures): VocabularyCache {
  const compiled = new Map<string, ByteVocabulary>();
  return (mapping) => {
    const key = JSON.stringify([mapping.vocabulary, mapping.synonyms]);
    let vocabulary = compiled.get(key);
    if (!vocabulary) {
      const values = fitted.vocabularies[mapping.vocabulary];
      vocabulary = new ByteVocabulary(values, synonymRows(mapping.synonyms, values));
      compiled.set(key, vocabulary);
    }
    return vocabulary;
  };
}

export function compileId(feature: FittedId | FittedBag, vocabularies: VocabularyCache): IdTransform {
  const { mapping } = feature;
  switch (mapping.kind) {
    case "hash":
      return { reads: "text", mapping, encode: hashBelow(mapping.size) };
    case "key":
      return {
        reads: "text",
        mapping,
        encode: (bytes, start, end) => refusalIn(bytes, start, end) || keyOf(bytes, start, end),
      };
    case "vocabulary": {
      const vocabulary = vocabularies(mapping);
      const unknown = mapping.unknownRow ?? Refusal.unknown;
      const encode: TextTransform["encode"] = (bytes, start, end) => {
        const row = vocabulary.lookup(bytes, start, end);
        return row < 0 ? refusalIn(bytes, start, end) || unknown : row;
      };
      return { reads: "text", mapping: { kind: "vocabulary", vocabulary, unknown }, encode };
    }
    case "integer": {
      const { size } = mapping;
      const outside = mapping.outOfRangeRow ?? Refusal.outOfRange;
      const encode = (value: number) => {
        if (!Number.isInteger(value)) return Refusal.notInteger;
        return value >= 0 && value < size ? value : outside;
      };
      return { reads: "number", encode };
    }
    case "boundaries":
      return { reads: "number", encode: compileBoundaries(mapping, Number(missingId(feature))) };
  }
}

/** Hashes to rows below `size`: the 64-bit hash has more values than a large table has rows. */
function hashBelow(size: number): TextTransform["encode"] {
  if (size <= NARROW_ROWS)
    return (bytes, start, end) => refusalIn(bytes, start, end) || murmur3(bytes, start, end) % size;
  return (bytes, start, end) =>
    refusalIn(bytes, start, end) || Number(murmur3Wide(bytes, start, end) % BigInt(size));
}

/** The id for a missing value; `Refusal.missing` if there is none. A missing bag has no ids. */
export function missingId(feature: FittedId | FittedBag): number | bigint {
  return feature.kind === "id" && feature.missingRow !== null ? idOf(feature.missingRow) : Refusal.missing;
}

/** An id of fitted features. */
export function idOf(id: number | FittedKey): number | bigint {
  return typeof id === "number" ? id : BigInt(id.key);
}

function compileBoundaries(mapping: IdMapping & { kind: "boundaries" }, missing: number) {
  const { boundaries, nonFinite } = mapping;
  const refused = nonFinite === "impute" && missing >= 0 ? missing : Refusal.notFinite;
  return (value: number) => (Number.isFinite(value) ? bucketOf(value, boundaries) : refused);
}

/**
 * The number of boundaries ≤ value. Bucket i holds [boundaries[i-1], boundaries[i]), as in `tf.bucketize`, Keras
 * `Discretization`, `numpy.digitize` and `pandas.cut(right=False)`. Both are compared as 32-bit floats, so that a value
 * has one bucket in a column of 32-bit and of 64-bit floats.
 */
export function bucketOf(number: number, boundaries: readonly number[]): number {
  const value = asFloat(number);
  let low = 0;
  let high = boundaries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (asFloat(boundaries[middle]) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Numbers beyond the range of 32-bit floats stay as they are. */
function asFloat(value: number): number {
  const float = Math.fround(value);
  return Number.isFinite(float) ? float : value;
}

/** Maps a raw number to the model's number; NaN if the row is refused. */
export interface DenseTransform {
  /** Describes {@link encode} on finite values to kernels that process whole columns. */
  readonly transform: NumberTransform;
  encode(value: number): number;
  /** The result for a missing value, or NaN. */
  readonly missing: number;
}

export function compileNumber(
  feature: Pick<FittedNumber, "transform" | "missing" | "nonFinite">,
): DenseTransform {
  const apply = compileTransform(feature.transform);
  const fp32 = (value: number) => {
    // The same for -0, which an integer cannot be.
    const result = Math.fround(apply(value + 0));
    return Number.isFinite(result) ? result : Number.NaN;
  };
  const missing = feature.missing === null ? Number.NaN : fp32(feature.missing);
  const refused = feature.nonFinite === "impute" ? missing : Number.NaN;
  const encode = (value: number) => {
    if (!Number.isFinite(value)) return refused;
    const result = fp32(value);
    return Number.isNaN(result) ? refused : result;
  };
  return { transform: feature.transform, encode, missing };
}

/** Computed in float64, for finite numbers. */
export function compileTransform(transform: NumberTransform): (x: number) => number {
  switch (transform.kind) {
    case "identity":
      return (x) => x;
    case "log":
      return (x) => Math.log1p(Math.max(x, 0));
    case "affine": {
      const { shift, scale } = transform;
      return (x) => (x - shift) / scale;
    }
    case "expression": {
      const evaluate = parseExpression(transform.expression, ["x"]);
      const values = [0];
      return (x) => {
        values[0] = x;
        return evaluate(values);
      };
    }
  }
}
