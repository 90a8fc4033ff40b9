import { z } from "zod";
import { type Input, inputOf } from "../inputs.js";
import { type Combiner, combine, type Operator, presentTexts, rowwise } from "../operator.js";
import {
  anyOutput,
  combiner,
  inputSource,
  numberOutput,
  refineOutput,
  separator,
} from "../schema/derived-fields.js";
import { featureName } from "../schema/feature-fields.js";
import { numberValue } from "../values.js";
import { defineKind } from "./define-kind.js";

/**
 * `combine`: several values as one number, after a map from text to number where `values` gives one: a number, a range
 * (`boundaries`) or an integer id (`buckets`). Meaning: TorchEasyRec's CombineFeature.
 */
const schema = z
  .strictObject({
    kind: z.literal("combine"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The texts or numbers to combine. */
    input: inputSource,
    /** Between values given as text; an input may have its own. */
    separator,
    /** Texts that are not in it count for nothing; without it the texts are numbers. */
    values: z.record(z.string(), z.number()).optional(),
    /** How several numbers become one. */
    combiner,
    ...numberOutput,
    /** Turn the number, a whole one, into an id below this. */
    buckets: anyOutput.buckets,
    /** An integer outside the buckets: one shared row, or the row of data is refused. */
    outOfRange: anyOutput.outOfRange,
    /** Of a number as of kind `number`, of ids as of kind `ids`. */
    missing: anyOutput.missing,
  })
  .superRefine(refineOutput);

interface Combine {
  readonly kind: "combine";
  readonly inputs: readonly Input[];
  readonly values?: Readonly<Record<string, number>>;
  readonly combiner: Combiner;
}

export const combineKind = defineKind({
  schema,
  derive,
  compile,
});

function derive(feature: z.output<typeof schema>): Combine {
  const { input, separator, values, combiner } = feature;
  return {
    kind: "combine",
    inputs: [inputOf(input, "texts", separator)],
    ...(values && { values }),
    combiner,
  };
}

function compile({ values, combiner }: Combine): Operator {
  const map = values && new Map(Object.entries(values));
  const numberOf = map ? (text: string) => map.get(text) : numberValue;
  return rowwise((input) =>
    combine(
      presentTexts(input)
        .map(numberOf)
        .filter((number) => number !== undefined),
      combiner,
    ),
  );
}
