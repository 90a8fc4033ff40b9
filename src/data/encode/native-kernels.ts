import type { Target, WideTarget } from "../../features/id-target.js";
import type { DenseTransform } from "../../features/transform.js";
import type { Addon } from "../../native/addon.js";
import { type NumberVector, ParsedNumbers } from "../source/vectors.js";
import type { ColumnKernels } from "./column-kernels.js";
import { numberOf, plainKernels } from "./plain-kernels.js";

/**
 * The native core reads DuckDB's vectors in place, without JavaScript values: copying a megabyte per chunk would keep
 * the garbage collector busy. The encoder keeps the views, and so their chunk, until the next chunk.
 */
export function nativeKernels(addon: Addon): ColumnKernels {
  return {
    texts(vector, transform, missing, ids) {
      const { mapping } = transform;
      if (mapping.kind === "key") return addon.keysOfTexts(vector, missing, ids as WideTarget);
      if (mapping.kind === "hash") return addon.hashTexts(vector, mapping.size, missing, ids);
      const isPlain = "codes" in ids || mapping.vocabulary.synonyms.length > 0;
      if (isPlain) return plainKernels.texts(vector, transform, missing, ids);
      return addon.lookUpTexts(vector, mapping.vocabulary, mapping.unknown, missing, ids);
    },

    parse(texts, nanIsMissing) {
      const numbers = new ParsedNumbers(texts);
      if (addon.parseNumbers(texts, numbers) === 0) return numbers;
      for (let r = 0; r < texts.rows; r++)
        if (Number.isNaN(numbers.values[r])) numbers.set(r, numberOf(texts.text(r), nanIsMissing));
      return numbers;
    },

    numbers(vector, dense, results) {
      const { transform, missing } = dense;
      if (transform.kind === "expression") return plainKernels.numbers(vector, dense, results);
      const open = addon.encodeNumbers(vector, transform, missing, results);
      return open === 0 ? 0 : settle(vector, dense, results);
    },
  };
}

/**
 * Applies the plain transform to the values that the native core did not handle; returns the number of refused rows.
 */
function settle(
  vector: NumberVector | ParsedNumbers,
  { encode }: DenseTransform,
  { data, offset, stride }: Target<Float32Array>,
): number {
  let refused = 0;
  for (let r = 0; r < vector.rows; r++) {
    const at = offset + r * stride;
    if (!Number.isNaN(data[at])) continue;
    if (!vector.isNull(r)) data[at] = encode(vector.values[r]);
    if (Number.isNaN(data[at])) refused++;
  }
  return refused;
}
