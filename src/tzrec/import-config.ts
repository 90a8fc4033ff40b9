import { type Config, type ConfigInput, resolveConfig } from "../config/config.js";
import type { ModelInput } from "../models/index.js";
import { IdFeatures } from "./id-features.js";
import { ImportError } from "./import-error.js";
import { mapData } from "./map-data.js";
import { type ImportedFeature, mapFeatures } from "./map-features.js";
import { mapModel } from "./map-models.js";
import { mapTraining } from "./map-training.js";
import { parsePipeline } from "./pipeline-text.js";

/** A TorchEasyRec pipeline config, converted. */
export interface ImportedConfig {
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
 * @throws ImportError for a setting without a counterpart, with its path and line
 * @throws ConfigError for a config that Pairloom cannot train
 */
export function importPipeline(text: string, file: string): ImportedConfig {
  const { root, notes } = parsePipeline(text, file);
  const { data, batchSize, shuffle, ...columns } = mapData(root);
  const features = mapFeatures(root, columns);
  const model = mapModel(root);
  refuseEmbeddedNumbers(model, features);
  const ids = new IdFeatures(features.map(({ config }) => config));
  const train = mapTraining(root, { batchSize, shuffle }, ids);
  root.refuseUnread();
  const input = { data, features: ids.features, model, train } as ConfigInput;
  return { input, config: resolveConfig(input), features, warnings: notes.warnings };
}

/** TorchEasyRec passes the embeddings of such numbers to the dense MLP; Pairloom's dense group has plain numbers only. */
function refuseEmbeddedNumbers(model: ModelInput, features: readonly ImportedFeature[]): void {
  const dense = "dense" in model ? (model.dense?.features ?? []) : [];
  const embedded = features.find(
    ({ config }) => dense.includes(config.name) && "denseEmbedding" in config && config.denseEmbedding,
  );
  if (!embedded) return;
  throw new ImportError({
    what: "the group of numbers has a feature with autodis or mlp, which has no counterpart",
    where: 'the feature group "dense"',
    got: embedded.config.name,
    expected: "plain numbers",
    next: `Remove autodis or mlp from ${embedded.config.name}, or move it to the group "sparse".`,
  });
}
