import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { ownValue } from "../own-value.js";
import { FITTED_VERSION, type FittedFeatures } from "./fitted.js";
import { fittedSchema } from "./fitted-schema.js";
import { refuseBadTokenizers } from "./tokenizer.js";

/** Keys of format 1, which named features after their columns and tables after the config's `embedding`. */
const KINDS_OF_VERSION_1 = { f32: "number", id: "id", bag: "ids" } as const;

interface FeatureOfVersion1 {
  readonly type?: keyof typeof KINDS_OF_VERSION_1;
  readonly embedding?: string;
  readonly buckets?: number;
}

/**
 * Reads fitted features from a checkpoint of this or an older format.
 * @param where names the checkpoint in errors
 * @throws CheckpointError for another version, and for content that cannot be that of fitted features
 */
export function readFittedFeatures(stored: unknown, where: string): FittedFeatures {
  const fitted = inThisVersion(stored, where);
  const { error } = fittedSchema.safeParse(fitted);
  if (!error) {
    refuseBadTokenizers((fitted as FittedFeatures).tokenizers ?? {}, where);
    return fitted as FittedFeatures;
  }
  throw new CheckpointError({
    what: "the checkpoint's features are malformed",
    where,
    got: z.prettifyError(error),
    expected: "the features that training fitted",
    next: "Use another checkpoint of the run: this one was written incorrectly.",
  });
}

function inThisVersion(stored: unknown, where: string): unknown {
  const { version, features } = (stored ?? {}) as { version?: unknown; features?: unknown };
  if (version === FITTED_VERSION) return stored;
  if (version === 1 && Array.isArray(features))
    return { ...(stored as object), version: FITTED_VERSION, features: features.map(fromVersion1) };
  throw new CheckpointError({
    what: "the checkpoint's features have an unsupported version",
    where,
    got: JSON.stringify(version) ?? "no version",
    expected: `${FITTED_VERSION} or below`,
    next: "Read it with the Pairloom release that wrote it.",
  });
}

function fromVersion1(stored: FeatureOfVersion1 | null): unknown {
  const { type, embedding, buckets, ...feature } = stored ?? {};
  const kind = ownValue(KINDS_OF_VERSION_1, type ?? "");
  const table = kind === "number" ? {} : { table: embedding, rows: buckets };
  return { kind, ...feature, ...table };
}
