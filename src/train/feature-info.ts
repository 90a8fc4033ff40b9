import type { FittedFeatures } from "../features/fitted.js";
import { type FeatureConfig, plainOf, type TableNumbers, tableName } from "../features/schema/features.js";
import { initializerOf } from "../layers/initializer.js";
import type { FeatureInfo } from "../models/model.js";

/** What models see of fitted features. */
export function fittedFeatureInfos({ features }: FittedFeatures): FeatureInfo[] {
  return features.map((feature) => {
    if (feature.type === "f32") {
      const { name, width, denseEmbedding } = feature;
      return { type: "f32", name, width, denseEmbedding };
    }
    const { name, embedding, buckets, dim, trainable, dtype } = feature;
    const table = {
      name,
      embedding,
      buckets,
      dim,
      trainable,
      dtype: dtypeOf(dtype),
      initializer: initializerOf(feature.initializer),
    };
    return feature.type === "id"
      ? { ...table, type: "id" }
      : { ...table, type: "bag", pooling: feature.pooling };
  });
}

/**
 * What models see of features before any data has been read, with tables of one row: enough to check a model's groups
 * and dims at once, before an hour of reading.
 */
export function configuredFeatureInfos(features: readonly FeatureConfig[]): FeatureInfo[] {
  return features.map(plainOf).map((feature) => {
    const { name } = feature;
    if (feature.kind === "number" && feature.boundaries === undefined) {
      return { type: "f32", name, width: feature.width, denseEmbedding: feature.denseEmbedding };
    }
    const table = {
      name,
      embedding: tableName(feature),
      buckets: 1,
      dim: feature.dim,
      trainable: feature.trainable,
      dtype: dtypeOf(feature.dtype),
      initializer: initializerOf(feature.initializer),
    };
    return feature.kind === "ids"
      ? { ...table, type: "bag", pooling: feature.pooling }
      : { ...table, type: "id" };
  });
}

const DTYPES = { fp32: "f32", fp16: "f16", bf16: "bf16" } as const;

const dtypeOf = (numbers: TableNumbers | undefined) => numbers && DTYPES[numbers];
