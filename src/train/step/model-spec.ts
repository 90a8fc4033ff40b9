import type { Config } from "../../config/config.js";
import { labelNames } from "../../data/data-config.js";
import type { FeatureInfo } from "../../models/model.js";
import { outputsOf, sessionOf } from "./loss.js";
import type { ModelSpec, TrainingSettings } from "./model-graphs.js";

/** A config's model on features. */
export function specOf(
  { data, model, train }: Pick<Config, "data" | "model" | "train">,
  features: readonly FeatureInfo[],
): ModelSpec {
  const { loss, precision } = train;
  const outputs = outputsOf(loss, labelNames(data.label));
  return { model, features, outputs, logOdds: sessionOf(loss) !== undefined, precision };
}

/** What a config says of a training step. */
export function trainingSettingsOf({ data, train }: Pick<Config, "data" | "train">): TrainingSettings {
  const { optimizer: optimizers, l2, loss, clip, average } = train;
  const labelWeights = labelNames(data.label).map((name) => train.labelWeights?.[name] ?? 1);
  return { optimizers, l2, loss, clip, average, labelWeights, weighted: data.weight !== undefined };
}
