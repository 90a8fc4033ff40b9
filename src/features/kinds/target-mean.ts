import { z } from "zod";
import { canonicalCross } from "../canonical.js";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, rowwise } from "../operator.js";
import { inputSource, numberOutput, refineOutput } from "../schema/derived-fields.js";
import { featureName } from "../schema/feature-fields.js";
import { defineKind, type Learned } from "./define-kind.js";

const { missing: _, nonFinite: __, ...output } = numberOutput;

/**
 * `targetMean`: the mean label of the training rows with the same key, smoothed towards the mean of all. A training row
 * gets the mean of other rows: of those in other folds, or of those before it if the splits are divided by time.
 * Sources: Micci-Barreca, "A Preprocessing Scheme for High-Cardinality Categorical Attributes", 2001 (smoothing);
 * Prokhorenkova et al., "CatBoost: unbiased boosting with categorical features", 2018 (earlier rows).
 */
const schema = z
  .strictObject({
    kind: z.literal("targetMean"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** The columns or features whose values together are the key. */
    columns: z.array(inputSource).min(1),
    /** The mean of all rows counts as much as this many rows of the key. */
    smoothing: z.number().min(0).default(20),
    /** Training rows get means of the other folds. Not used if `data.split` divides by time. */
    folds: z.int().min(2).max(100).default(10),
    /** The seed of the folds. */
    seed: z.int().nonnegative().default(0),
    /** Keep the means of this many keys, the most frequent. */
    maxKeys: z.int().positive().max(10_000_000).default(1_000_000),
    ...output,
  })
  .superRefine(refineOutput);

interface TargetMean {
  readonly kind: "targetMean";
  readonly inputs: readonly Input[];
  /** The name of the feature, by which its means are saved. */
  readonly feature: string;
}

export const targetMeanKind = defineKind({
  schema,
  derive,
  compile,
  targetRule: ({ smoothing, folds, seed, maxKeys }) => ({ smoothing, folds, seed, maxKeys }),
});

function derive({ name, columns }: z.output<typeof schema>): TargetMean {
  return {
    kind: "targetMean",
    inputs: columns.map((source) => inputOf(source, "text", ",")),
    feature: name,
  };
}

/** As long as no means are learned, the value is the key. */
function compile({ feature }: TargetMean, { targetMeans = {} }: Learned): Operator {
  if (!Object.hasOwn(targetMeans, feature)) return rowwise((...parts) => canonicalCross(parts));
  const { prior, keys, means } = targetMeans[feature];
  const byKey = new Map(keys.map((key, i) => [key, means[i]]));
  return rowwise((...parts) => byKey.get(canonicalCross(parts) ?? "") ?? prior);
}
