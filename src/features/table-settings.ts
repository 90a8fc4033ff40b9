import { dynamicRows } from "./fit.js";
import type { FittedFeatures } from "./fitted.js";
import type { DynamicConfig } from "./schema/dynamic-table.js";
import { type FeatureConfig, hasTable, plainOf } from "./schema/features.js";

/** Settings of tables that change the model, and no value of the packed data. */
const TABLE_SETTINGS = ["dim", "initializer", "trainable", "dtype", "store"] as const;

/** What of a feature the packed data depends on. Keys do not depend on what a dynamic table does with them. */
export function packedPart(feature: FeatureConfig): object {
  return { ...without(feature), ...(dynamicOf(feature) && { dynamic: true }) };
}

/** Features fitted with other settings of their tables. Everything that was learned stays. */
export function withTableSettings(
  fitted: FittedFeatures,
  features: readonly FeatureConfig[],
): FittedFeatures {
  const set = fitted.features.map((feature, i) => {
    const plain: Readonly<Record<string, unknown>> = { ...plainOf(features[i]) };
    if (!hasTable(plainOf(features[i]))) return feature;
    const settings = TABLE_SETTINGS.filter((key) => plain[key] !== undefined);
    const dynamic = dynamicOf(features[i]);
    return {
      ...without(feature),
      ...(dynamic && dynamicRows(dynamic)),
      ...Object.fromEntries(settings.map((key) => [key, plain[key]])),
    };
  });
  return { ...fitted, features: set as FittedFeatures["features"] };
}

function dynamicOf(feature: FeatureConfig): DynamicConfig | undefined {
  return "dynamic" in feature ? feature.dynamic : undefined;
}

function without(feature: object): object {
  const kept = Object.entries(feature).filter(
    ([key]) => !(TABLE_SETTINGS as readonly string[]).includes(key),
  );
  return Object.fromEntries(kept);
}
