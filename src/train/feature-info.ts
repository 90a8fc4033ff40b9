import { type FittedFeatures, idLimit } from "../features/fitted.js";
import { compositionOf } from "../features/schema/feature-fields.js";
import { type FeatureConfig, plainOf, tableName } from "../features/schema/features.js";
import { KEYS } from "../graph/translation.js";
import { initializerOf } from "../layers/initializer.js";
import type { FeatureInfo } from "../models/model.js";

/** Converts fitted features to what models need to know of them. */
export function fittedFeatureInfos({ features }: FittedFeatures): FeatureInfo[] {
  return features.map((feature) => {
    if (feature.kind === "number") {
      const { name, width, denseEmbedding, edges } = feature;
      return { kind: "number", name, width, denseEmbedding, ...(edges && { edges }) };
    }
    const { name, table, rows, dim, trainable, dtype, composition, translation, store } = feature;
    const info = {
      name,
      table,
      rows,
      dim,
      trainable,
      dtype,
      composition,
      translation: (translation ?? store) && { ids: idLimit(feature) },
      initializer: initializerOf(feature.initializer),
    };
    return feature.kind === "id"
      ? { ...info, kind: "id" }
      : {
          ...info,
          kind: "ids",
          pooling: feature.pooling,
          ...sequencePart(feature.sequence?.name, feature.sequence?.number, feature.within?.sequence),
        };
  });
}

const sequencePart = (sequence: string | undefined, number?: object, within?: string) => ({
  ...(sequence !== undefined && { sequence, ...(number && { numbers: true as const }) }),
  ...(within !== undefined && { within }),
});

/**
 * The same before any data has been read. Enough to check a model's groups and dims at once instead of after reading the
 * data.
 * @param rowsOf rows of tables by name; default one row each
 */
export function configuredFeatureInfos(
  features: readonly FeatureConfig[],
  rowsOf: ReadonlyMap<string, number> = new Map(),
): FeatureInfo[] {
  return features.map(plainOf).map((feature) => {
    const { name } = feature;
    if (feature.kind === "number" && feature.boundaries === undefined) {
      return { kind: "number", name, width: feature.width, denseEmbedding: feature.denseEmbedding };
    }
    const table = tableName(feature);
    const rows = rowsOf.get(table) ?? 1;
    const info = {
      name,
      table,
      rows,
      dim: feature.dim,
      trainable: feature.trainable,
      dtype: feature.dtype,
      composition: compositionOf(feature as { hash?: unknown }),
      ...("dynamic" in feature && feature.dynamic && { translation: { ids: KEYS } }),
      ...(feature.store && { translation: { ids: rows } }),
      initializer: initializerOf(feature.initializer),
    };
    return feature.kind === "ids"
      ? {
          ...info,
          kind: "ids",
          pooling: feature.pooling,
          ...sequencePart(feature.sequence, feature.number, feature.within?.sequence),
        }
      : { ...info, kind: "id" };
  });
}
