import type { Tensor } from "../graph/tensor.js";
import type { Scope } from "../layers/scope.js";
import {
  type VariationalDropoutConfig,
  variationalDropout,
  variationalDropoutSchema,
} from "../layers/variational-dropout.js";

/** Dropout of whole features of a group, whose probabilities are learned; it ranks the features. */
export const featureDropout = { variationalDropout: variationalDropoutSchema.optional() };

export interface FeatureDropout {
  readonly variationalDropout?: VariationalDropoutConfig;
}

/** The features of a group, with its dropout if it has one. */
export function dropped(
  scope: Scope,
  parts: Tensor[],
  { variationalDropout: dropout }: FeatureDropout,
): Tensor[] {
  return dropout ? variationalDropout(scope, parts, dropout) : parts;
}
