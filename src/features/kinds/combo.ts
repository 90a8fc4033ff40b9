import { z } from "zod";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, presentTexts, rowwise } from "../operator.js";
import { idsOutput, inputSource, refineIds, separator } from "../schema/derived-fields.js";
import { featureName } from "../schema/feature-fields.js";
import { defineKind } from "./define-kind.js";

/**
 * `combo`: crosses every combination of the values of two or more inputs: |A| x |B| x … ids, none if an input is
 * missing. Meaning: TorchEasyRec's ComboFeature.
 */
const schema = z
  .strictObject({
    kind: z.literal("combo"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The inputs to cross. */
    inputs: z.array(inputSource).min(2),
    /** Separates values given as text; an input may override it. */
    separator,
    /** Separates the parts of a cross. */
    join: z.string().default("_"),
    ...idsOutput,
  })
  .superRefine(refineIds)
  .superRefine(({ buckets }, context) => {
    if (buckets !== undefined)
      context.addIssue({
        code: "custom",
        path: ["buckets"],
        message: "a cross is text: map it with hash, vocabulary or dynamic",
      });
  });

interface Combo {
  readonly kind: "combo";
  readonly inputs: readonly Input[];
  readonly join: string;
}

export const comboKind = defineKind({
  schema,
  gives: "ids",
  derive,
  compile,
});

function derive({ inputs, separator, join }: z.output<typeof schema>): Combo {
  return { kind: "combo", inputs: inputs.map((source) => inputOf(source, "texts", separator)), join };
}

function compile({ join }: Combo): Operator {
  return rowwise((first, ...rest) =>
    rest.reduce<readonly string[]>((crosses, input) => {
      const values = presentTexts(input);
      return crosses.flatMap((cross) => values.map((value) => `${cross}${join}${value}`));
    }, presentTexts(first)),
  );
}
