import type { DataConfig } from "../data/data-config.js";
import { ConfigError } from "../errors.js";
import { readingOf } from "../features/reading.js";
import type { FeatureConfig } from "../features/schema/features.js";
import { labelNames } from "../features/targets.js";

/**
 * Refuses features that read the label or the weight column, since they reveal the answer.
 * @throws ConfigError naming the feature
 */
export function refuseLeaks({ label, weight }: DataConfig, features: readonly FeatureConfig[]): void {
  const targets = labelNames(label).map((column) => ["label", column]);
  if (weight !== undefined) targets.push(["weight", weight]);
  features.forEach((feature, i) => {
    for (const [key, column] of targets)
      if (readingOf(feature).columns.includes(column))
        throw new ConfigError({
          what: `the feature "${feature.name}" reads the column of data.${key}, which tells the model the answer`,
          where: `features[${i}]`,
          got: column,
          expected: "a column that is known before the outcome",
          next: "Remove the feature, or read another column.",
        });
  });
}
