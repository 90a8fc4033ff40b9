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
import { defineKind } from "./define-kind.js";
import { entriesByKey, numbersOf } from "./lookup.js";

/**
 * `match`: looks up a primary and a secondary key in a map of maps such as `p1^s1:0.2,s2:0.3|p2^s4:0.1`. `"*"` instead
 * of a key matches every key. Numbers are reduced to one; ids are all kept. Meaning: TorchEasyRec's MatchFeature.
 */
const schema = z
  .strictObject({
    kind: z.literal("match"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** Entries `primary^secondary:value,…`, separated by `|`. */
    map: inputSource,
    /** A source, or `"*"`. */
    primary: inputSource,
    /** A source, or `"*"`. */
    secondary: inputSource,
    /** Separates keys; the separators of the map are fixed. */
    separator,
    /** How several numbers are reduced to one. */
    combiner,
    /** Start each id with the primary key, as `primary_value`. */
    withPrimary: z.boolean().default(false),
    /** Put the secondary key before the value in each id. */
    withSecondary: z.boolean().default(false),
    ...anyOutput,
  })
  .superRefine(refineOutput)
  .superRefine((feature, context) => {
    const gives = outputKind(feature);
    for (const key of ["withPrimary", "withSecondary"] as const)
      if (feature[key] && gives === "number")
        context.addIssue({ code: "custom", path: [key], message: `${key} is for ids: give a mapping` });
    if ((feature.width ?? 1) > 1)
      context.addIssue({ code: "custom", path: ["width"], message: "match gives one number" });
  });

const EVERY = "*";

interface Match {
  readonly kind: "match";
  /** The map, then the keys other than `"*"`. */
  readonly inputs: readonly Input[];
  readonly anyPrimary: boolean;
  readonly anySecondary: boolean;
  readonly gives: "ids" | "number";
  readonly combiner: Combiner;
  readonly withPrimary: boolean;
  readonly withSecondary: boolean;
}

export const matchKind = defineKind({
  schema,
  derive,
  compile,
});

function derive(feature: z.output<typeof schema>): Match {
  const { map, primary, secondary, combiner, withPrimary, withSecondary } = feature;
  const keys = [primary, secondary].filter((source) => source !== EVERY);
  return {
    kind: "match",
    inputs: [
      { ...inputOf(map, "texts", "|"), separator: "|" },
      ...keys.map((source) => inputOf(source, "texts", feature.separator)),
    ],
    anyPrimary: primary === EVERY,
    anySecondary: secondary === EVERY,
    gives: outputKind(feature),
    combiner,
    withPrimary,
    withSecondary,
  };
}

function compile(match: Match): Operator {
  return rowwise((map, ...keys) => {
    const outer = entriesByKey(presentTexts(map), "^");
    const primaries = match.anyPrimary ? [...outer.keys()] : presentTexts(keys[0]);
    const given = match.anySecondary ? undefined : presentTexts(keys[match.anyPrimary ? 0 : 1]);
    const found = primaries.flatMap((primary) => {
      const inner = entriesByKey((outer.get(primary) ?? "").split(",").filter(Boolean), ":");
      return (given ?? [...inner.keys()]).flatMap((secondary) => {
        const value = inner.get(secondary);
        return value === undefined ? [] : [{ primary, secondary, value }];
      });
    });
    if (match.gives === "number") return combine(numbersOf(found), match.combiner);
    return found.map(({ primary, secondary, value }) =>
      [...(match.withPrimary ? [primary] : []), ...(match.withSecondary ? [secondary] : []), value].join("_"),
    );
  });
}
