import { dynamicRows } from "./fit.js";
import type { FittedFeatures } from "./fitted.js";
import type { DynamicConfig } from "./schema/dynamic-table.js";
import { TABLE_SETTINGS, tableSettingsOf } from "./schema/feature-fields.js";
import { type FeatureConfig, hasTable, plainOf } from "./schema/features.js";

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
    const plain = plainOf(features[i]);
    if (!hasTable(plain)) return feature;
    const dynamic = dynamicOf(features[i]);
    return {
      ...without(feature),
      ...(dynamic && dynamicRows(dynamic)),
      ...tableSettingsOf(plain),
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
