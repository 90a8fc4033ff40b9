import { z } from "zod";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, presentTexts, rowwise } from "../operator.js";
import { inputSource, numberOutput, refineOutput, separator } from "../schema/derived-fields.js";
import { featureName, text } from "../schema/feature-fields.js";
import { numberValue } from "../values.js";
import { defineKind } from "./define-kind.js";
import { entriesByKey } from "./lookup.js";

/**
 * `kvDot`: the dot product of two sparse vectors given as `key:value` entries. A key without a value counts as 1, so
 * two sets give the size of their intersection. Missing if either vector is empty. Meaning: TorchEasyRec's
 * KvDotProduct.
 */
const schema = z
  .strictObject({
    kind: z.literal("kvDot"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** `key:value` entries, or keys only. */
    query: inputSource,
    /** `key:value` entries, or keys only. */
    document: inputSource,
    /** Separates values given as text; an input may override it. */
    separator,
    /** Separates key and value. */
    delimiter: text.default(":"),
    ...numberOutput,
  })
  .superRefine(refineOutput);

interface KvDot {
  readonly kind: "kvDot";
  readonly inputs: readonly Input[];
  readonly delimiter: string;
}

export const kvDotKind = defineKind({
  schema,
  derive,
  compile,
});

function derive(feature: z.output<typeof schema>): KvDot {
  const { query, document, separator, delimiter } = feature;
  const inputs = [query, document].map((source) => inputOf(source, "texts", separator));
  return { kind: "kvDot", inputs, delimiter };
}

function compile({ delimiter }: KvDot): Operator {
  const vectorOf = (entries: readonly string[]) =>
    [...entriesByKey(entries, delimiter)].map(([key, value]) => [key, numberValue(value) ?? 1] as const);
  return rowwise((first, second) => {
    const query = vectorOf(presentTexts(first));
    const document = new Map(vectorOf(presentTexts(second)));
    if (query.length === 0 || document.size === 0) return undefined;
    return query.reduce((sum, [key, value]) => sum + value * (document.get(key) ?? 0), 0);
  });
}
