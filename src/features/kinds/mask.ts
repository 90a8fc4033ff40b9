import { z } from "zod";
import { type Input, type InputValue, inputOf, Refused } from "../inputs.js";
import { type Operator, rowwise } from "../operator.js";
import { Refusal } from "../refusal.js";
import { idsOutput, inputSource, refineIds, separator } from "../schema/derived-fields.js";
import { featureName } from "../schema/feature-fields.js";
import { defineKind } from "./define-kind.js";

/**
 * `mask`: keeps the values whose entry in a list of booleans (`true`, `false`, `1`, `0`) is true. Both lists must have
 * the same length. Meaning: TorchEasyRec's BoolMaskFeature.
 */
const schema = z
  .strictObject({
    kind: z.literal("mask"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The values. */
    input: inputSource,
    /** One boolean per value. */
    mask: inputSource,
    /** Separates values given as text; an input may override it. */
    separator,
    ...idsOutput,
  })
  .superRefine(refineIds);

interface Mask {
  readonly kind: "mask";
  readonly inputs: readonly Input[];
}

export const maskKind = defineKind({
  schema,
  gives: "ids",
  derive,
  compile,
});

function derive({ input, mask, separator }: z.output<typeof schema>): Mask {
  return { kind: "mask", inputs: [input, mask].map((source) => inputOf(source, "texts", separator)) };
}

function compile(): Operator {
  return rowwise((input, mask) => {
    if (input === undefined || mask === undefined) return undefined;
    const flags = textsOf(mask);
    const values = textsOf(input);
    if (values.length !== flags.length) return new Refused(Refusal.wrongLength);
    if (!flags.every((flag) => truth.has(flag))) return new Refused(Refusal.notBoolean);
    return values.filter((_, i) => truth.get(flags[i]));
  });
}

const textsOf = (value: InputValue) => value as readonly string[];

const truth = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);
