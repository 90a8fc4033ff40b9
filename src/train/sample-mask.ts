import { z } from "zod";
import type { Column } from "../columns/columns.js";
import { ConfigError } from "../errors.js";
import { packRows } from "../features/encoder.js";
import type { FittedFeatures } from "../features/fitted.js";
import { streamOf } from "../layers/scope.js";
import type { FeatureInfo } from "../models/model.js";

/** Hides features in some samples of training. */
export const sampleMaskSchema = z.strictObject({
  /** The probability that a sample is masked; each step makes new draws. */
  rate: z.number().min(0).max(1),
  /** The features that are missing in a masked sample, all at once. The columns of a sequence are masked together. */
  features: z.array(z.string().min(1)).min(1),
});

export type SampleMask = z.output<typeof sampleMaskSchema>;

/** The features, of which those that the mask names are hidden in samples of training. */
export function withMask(
  features: readonly FeatureInfo[],
  { rate, features: names }: SampleMask,
): FeatureInfo[] {
  const mask = { rate, stream: streamOf("sampleMask") };
  return features.map((feature) => (names.includes(feature.name) ? { ...feature, mask } : feature));
}

/**
 * What the features of a mask are in a masked sample: columns of one row, in which everything that they read is missing.
 * @throws ConfigError for a feature that refuses missing values
 */
export function maskedColumns(fitted: FittedFeatures, { features }: SampleMask): ReadonlyMap<string, Column> {
  const masked = fitted.features.filter(({ name }) => features.includes(name));
  const { columns, bad } = packRows({ ...fitted, features: masked }, [{}]);
  if (bad.length === 0) return columns;
  const [{ feature, reason }] = bad;
  throw new ConfigError({
    what: "a masked feature refuses rows in which it is missing",
    where: `train.sampleMask.features[${features.indexOf(feature)}]`,
    got: `"${feature}": ${reason}`,
    expected: "a feature with a value for missing ones",
    next: `Set missing of "${feature}", or do not mask it.`,
  });
}
