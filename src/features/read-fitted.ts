import { FITTED_VERSION, type FittedFeature, type FittedFeatures } from "./fitted.js";

/** Keys of format 1, which named features after their columns and tables after the config's `embedding`. */
const KINDS_OF_VERSION_1 = { f32: "number", id: "id", bag: "ids" } as const;

interface FeatureOfVersion1 {
  readonly type: keyof typeof KINDS_OF_VERSION_1;
  readonly embedding?: string;
  readonly buckets?: number;
}

/** Reads fitted features from a checkpoint of this or an older format; undefined for any other value. */
export function readFittedFeatures(stored: unknown): FittedFeatures | undefined {
  const version = (stored as { version?: unknown } | null | undefined)?.version;
  if (version === FITTED_VERSION) return stored as FittedFeatures;
  if (version !== 1) return undefined;
  const fitted = stored as Omit<FittedFeatures, "features"> & { features: FeatureOfVersion1[] };
  return { ...fitted, version: FITTED_VERSION, features: fitted.features.map(fromVersion1) };
}

function fromVersion1({ type, embedding, buckets, ...feature }: FeatureOfVersion1): FittedFeature {
  const kind = KINDS_OF_VERSION_1[type];
  const table = kind === "number" ? {} : { table: embedding, rows: buckets };
  return { kind, ...feature, ...table } as FittedFeature;
}
