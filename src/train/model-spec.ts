import type { Config } from "../config/config.js";
import type { FeatureInfo } from "../models/model.js";
import { outputsOf } from "./loss.js";
import type { ModelSpec } from "./model-graphs.js";

/** A config's model on features. */
export function specOf(
  { model, train }: Pick<Config, "model" | "train">,
  features: readonly FeatureInfo[],
): ModelSpec {
  return { model, features, outputs: outputsOf(train.loss), precision: train.precision };
}
