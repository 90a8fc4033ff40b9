import { type Config, type ConfigInput, resolveConfig } from "../config/config.js";
import { ConfigError } from "../errors.js";
import type { TrainInput } from "../train/train-config.js";
import { IdFeatures } from "./id-features.js";
import { locate } from "./locate.js";
import { mapData } from "./map-data.js";
import { type ImportedFeature, mapFeatures } from "./map-features.js";
import { type ImportedModel, mapModel, SUPPORTED_MODELS } from "./map-models.js";
import { mapTraining } from "./map-training.js";
import { overridesOf, partOptimizers } from "./part-optimizers.js";
import { parsePipeline } from "./pipeline-text.js";
import type { Section } from "./section.js";

/** A TorchEasyRec pipeline config, converted. */
export interface ImportedConfig extends Pick<ImportedModel, "suffixOf" | "groupOf"> {
  /** As a user would write it, without default values. */
  readonly input: ConfigInput;
  /** The same with every default filled in. */
  readonly config: Config;
  readonly features: readonly ImportedFeature[];
  readonly warnings: readonly string[];
}

/**
 * Turns a TorchEasyRec pipeline config (protobuf text) into a Pairloom config.
 * @param file named in errors and warnings
 * @throws ImportError with path and line, for a setting without a counterpart and for a config that Pairloom cannot train
 */
export function importPipeline(text: string, file: string): ImportedConfig {
  const { root, notes } = parsePipeline(text, file, SUPPORTED_MODELS);
  const { data, batchSize, shuffle, ...columns } = mapData(root);
  const features = mapFeatures(root, columns);
  const { model, ...places } = mapModel(root, features, batchSize);
  const ids = new IdFeatures(features.map(({ config }) => config));
  const sampleMask = sampleMaskOf(root, columns.maskRate, features);
  const train = mapTraining(root, { batchSize, shuffle, sampleMask }, ids);
  const parts = partOptimizers(root.required("train_config").required("dense_optimizer"));
  root.refuseUnread();
  const whole = { data, features: ids.features, model, train };
  const overrides = overridesOf(parts, resolve(whole as ConfigInput, root), places.groupOf);
  const optimizer = { ...train.optimizer, ...(overrides.length > 0 && { overrides }) };
  const input = { ...whole, train: { ...train, optimizer } } as ConfigInput;
  return { input, config: resolve(input, root), features, ...places, warnings: notes.warnings };
}

function sampleMaskOf(
  root: Section,
  rate: number,
  all: readonly ImportedFeature[],
): TrainInput["sampleMask"] {
  const features = all.filter(({ masked }) => masked).map(({ config }) => config.name);
  if (rate > 0 && features.length > 0) return { rate, features };
  root.required("data_config").ignore(["sample_mask_prob"], "has no effect: no feature has use_mask");
  return undefined;
}

function resolve(input: ConfigInput, root: Section): Config {
  try {
    return resolveConfig(input);
  } catch (error) {
    throw error instanceof ConfigError ? locate(error, root) : error;
  }
}
