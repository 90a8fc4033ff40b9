import type { Executable } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/index.js";
import { type Config, resolveConfig } from "../config/config.js";
import type { FittedFeatures } from "../features/fitted.js";
import { readFittedFeatures } from "../features/read-fitted.js";
import type { Graph } from "../graph/graph.js";
import { fittedFeatureInfos } from "../train/feature-info.js";
import { type ScoringOptions, savedExecutable } from "../train/saved-executable.js";
import { inferenceGraph } from "../train/step/model-graphs.js";
import { specOf } from "../train/step/model-spec.js";
import { refuseOtherCount, refuseOtherFeatures } from "./check-features.js";
import { type CodeOptions, knowModel, withCode } from "./code.js";

/** A model described by a checkpoint, without its parameters. */
export interface DescribedModel {
  readonly config: Config;
  readonly features: FittedFeatures;
  /** The forward pass. */
  readonly graph: Graph;
}

/** A trained model, ready to score. */
export interface TrainedModel extends DescribedModel {
  readonly checkpoint: Checkpoint;
  readonly executable: Executable;
}

/**
 * @throws CheckpointError if the config or the features are malformed, of an unsupported version or do not belong together, or
 * need code that is not allowed
 */
export async function describeModel(checkpoint: Checkpoint, code: CodeOptions = {}): Promise<DescribedModel> {
  const { dir, manifest } = checkpoint;
  const fitted = readFittedFeatures(manifest.features, dir);
  const features = withCode(fitted, code);
  await knowModel(checkpoint, code);
  refuseOtherCount(manifest.config, fitted, dir);
  const config = resolveConfig(manifest.config);
  refuseOtherFeatures(config.features, fitted, dir);
  const graph = inferenceGraph(specOf(config, fittedFeatureInfos(features)));
  return { config, features, graph };
}

/**
 * Reads a checkpoint's parameters, verifying every byte, and compiles its forward pass.
 * @throws CheckpointError
 */
export async function openModel(
  checkpoint: Checkpoint,
  options: ScoringOptions & CodeOptions,
): Promise<TrainedModel> {
  const described = await describeModel(checkpoint, options);
  const executable = await savedExecutable(checkpoint, described, options);
  return { ...described, checkpoint, executable };
}
