import { z } from "zod";
import { type Input, inputOf } from "../inputs.js";
import { type Combiner, combine, type Operator, presentTexts, rowwise } from "../operator.js";
import {
  anyOutput,
  combiner,
  inputSource,
  outputKind,
  refineOutput,
  separator,
} from "../schema/derived-fields.js";
import { featureName } from "../schema/feature-fields.js";
import { numberValue } from "../values.js";
import { defineKind } from "./define-kind.js";

/**
 * `lookup`: looks up the row's keys in the row's map. Numbers are reduced to one; ids are all kept. Meaning:
 * TorchEasyRec's LookupFeature.
 */
const schema = z
  .strictObject({
    kind: z.literal("lookup"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** `key:value` entries. */
    map: inputSource,
    /** The keys to look up. */
    key: inputSource,
    /** Separates values given as text; an input may override it. */
    separator,
    /** How several numbers are reduced to one. */
    combiner,
    /** Build each id from key and value, as `key_value`. */
    withKey: z.boolean().default(false),
    ...anyOutput,
  })
  .superRefine(refineOutput)
  .superRefine((feature, context) => {
    if (feature.withKey && outputKind(feature) === "number")
      context.addIssue({ code: "custom", path: ["withKey"], message: "withKey is for ids: give a mapping" });
  });

interface Lookup {
  readonly kind: "lookup";
  readonly inputs: readonly Input[];
  readonly gives: "ids" | "number";
  readonly combiner: Combiner;
  readonly withKey: boolean;
  readonly width: number;
}

export const lookupKind = defineKind({
  schema,
  derive,
  compile,
});

function derive(feature: z.output<typeof schema>): Lookup {
  const { map, key, combiner, withKey, width = 1 } = feature;
  const inputs = [map, key].map((source) => inputOf(source, "texts", feature.separator));
  return { kind: "lookup", inputs, gives: outputKind(feature), combiner, withKey, width };
}

function compile({ gives, combiner, withKey, width }: Lookup): Operator {
  return rowwise((map, key) => {
    const entries = entriesByKey(presentTexts(map), ":");
    const found = presentTexts(key).flatMap((name) => {
      const value = entries.get(name);
      return value === undefined ? [] : [{ name, value }];
    });
    if (gives === "ids") return found.map(({ name, value }) => (withKey ? `${name}_${value}` : value));
    if (width === 1) return combine(numbersOf(found), combiner);
    return combineVectors(
      found.map(({ value }) => value.split(",")),
      width,
      combiner,
    );
  });
}

/** Parses `key:value` texts to a map; the last of equal keys wins. An entry without a delimiter has the value "". */
export function entriesByKey(entries: readonly string[], delimiter: string): Map<string, string> {
  return new Map(
    entries.map((entry) => {
      const at = entry.indexOf(delimiter);
      return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + delimiter.length)];
    }),
  );
}

/** Parses the values. Missing ones are skipped; text that is not a number gives NaN, so the row is refused. */
export function numbersOf(found: readonly { value: string }[]): number[] {
  return found.map(({ value }) => numberValue(value)).filter((number) => number !== undefined);
}

function combineVectors(vectors: readonly string[][], width: number, combiner: Combiner) {
  const odd = vectors.find(({ length }) => length !== width);
  // A vector of the wrong length is passed on for the output to refuse.
  if (odd || vectors.length === 0) return odd;
  return Array.from({ length: width }, (_, i) =>
    combine(numbersOf(vectors.map((v) => ({ value: v[i] }))), combiner),
  );
}
