import type { DataConfig } from "../../data/data-config.js";
import { labelNames } from "../../features/targets.js";
import type { ModelConfig } from "../../models/index.js";
import type { FeatureInfo } from "../../models/model.js";
import { withMask } from "../sample-mask.js";
import type { TrainConfig } from "../train-config.js";
import { factsOf } from "./loss/index.js";
import type { ModelSpec, TrainingSettings } from "./model-graphs.js";

/** The config sections that training reads. */
export interface TrainedSections {
  readonly data: Pick<DataConfig, "label" | "weight" | "sampleNegatives">;
  readonly model: ModelConfig;
  readonly train: TrainConfig;
}

/** Applies a config's model to features. */
export function specOf({ data, model, train }: TrainedSections, features: readonly FeatureInfo[]): ModelSpec {
  const { loss, precision, initializer } = train;
  const { task, head } = factsOf(loss);
  const masked = train.sampleMask ? withMask(features, train.sampleMask) : features;
  return {
    model,
    features: masked,
    outputs: task.outputs(labelNames(data.label)),
    head,
    precision,
    initializer,
  };
}

/** The config settings of a training step. */
export function trainingSettingsOf({ data, train }: Omit<TrainedSections, "model">): TrainingSettings {
  const { optimizer: optimizers, l2, loss, clip, average } = train;
  const labelWeights = labelNames(data.label).map((name) => train.labelWeights?.[name] ?? 1);
  const weighted = data.weight !== undefined || data.sampleNegatives !== undefined;
  return { optimizers, l2, loss, clip, average, labelWeights, weighted };
}
