import { z } from "zod";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, presentTexts, rowwise } from "../operator.js";
import { inputSource, numberOutput, refineOutput, separator } from "../schema/derived-fields.js";
import { featureName } from "../schema/feature-fields.js";
import { defineKind } from "./define-kind.js";

/**
 * `overlap`: compares the terms of a query and a title; missing if either has none. Meaning: TorchEasyRec's
 * OverlapFeature.
 */
const schema = z
  .strictObject({
    kind: z.literal("overlap"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The terms to look for. */
    query: inputSource,
    /** The terms to search. */
    title: inputSource,
    /** Separates values given as text; an input may override it. */
    separator,
    /** The measure: a share of matching terms, whether all occur in order, or whether all are equal. */
    method: z.enum(["query_common_ratio", "title_common_ratio", "is_contain", "is_equal"]),
    ...numberOutput,
  })
  .superRefine(refineOutput);

type Method = z.output<typeof schema>["method"];

interface Overlap {
  readonly kind: "overlap";
  readonly inputs: readonly Input[];
  readonly method: Method;
}

export const overlapKind = defineKind({
  schema,
  derive,
  compile,
});

function derive(feature: z.output<typeof schema>): Overlap {
  const { query, title, separator, method } = feature;
  return {
    kind: "overlap",
    inputs: [query, title].map((source) => inputOf(source, "texts", separator)),
    method,
  };
}

function compile({ method }: Overlap): Operator {
  const measure = methods[method];
  return rowwise((first, second) => {
    const query = presentTexts(first);
    const title = presentTexts(second);
    return query.length === 0 || title.length === 0 ? undefined : measure(query, title);
  });
}

const methods: Record<Method, (query: readonly string[], title: readonly string[]) => number> = {
  query_common_ratio: shareIn,
  title_common_ratio: (query, title) => shareIn(title, query),
  is_contain: (query, title) => Number(isSubsequence(query, title)),
  is_equal: (query, title) =>
    Number(query.length === title.length && query.every((term, i) => term === title[i])),
};

/** The share of the terms that occur in `others`. */
function shareIn(terms: readonly string[], others: readonly string[]): number {
  const known = new Set(others);
  return terms.filter((term) => known.has(term)).length / terms.length;
}

/** True if all terms occur in `others` in the same order, possibly with others between them. */
function isSubsequence(terms: readonly string[], others: readonly string[]): boolean {
  let next = 0;
  for (const term of others) if (term === terms[next]) next++;
  return next === terms.length;
}
