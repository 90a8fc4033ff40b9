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
 * `combine`: reduces several values to one number, optionally mapping texts to numbers with `values`. The result is a
 * number, a range (`boundaries`) or an integer id (`buckets`). Meaning: TorchEasyRec's CombineFeature.
 */
const schema = z
  .strictObject({
    kind: z.literal("combine"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The texts or numbers to combine. */
    input: inputSource,
    /** Separates values given as text; an input may override it. */
    separator,
    /** Numbers for texts; other texts are ignored. Without it, the texts must be numbers. */
    values: z.record(z.string(), z.number()).optional(),
    /** How several numbers are reduced to one. */
    combiner,
    ...numberOutput,
    /** Use the number, which must be an integer, as an id below this. */
    buckets: anyOutput.buckets,
    /** Integers outside the buckets: share one row, or the row of data is refused. */
    outOfRange: anyOutput.outOfRange,
    /** For a number as in kind `number`, for ids as in kind `ids`. */
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
