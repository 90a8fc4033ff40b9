import type { Checkpoint } from "../checkpoint/index.js";
import { type Config, configWith, resolveConfig } from "../config/config.js";
import type { Setting } from "../config/settings.js";
import type { World } from "../distributed/world.js";
import { ConfigError } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";
import { readFittedFeatures } from "../features/read-fitted.js";
import type { Graph } from "../graph/graph.js";
import { storeTables } from "../passes/store-tables.js";
import { showValue } from "../show-value.js";
import { type ChangedExecutable, changedExecutable } from "../train/changed-executable.js";
import { fittedFeatureInfos } from "../train/feature-info.js";
import {
  type SavedExecutable,
  type ScoringExecutable,
  type ScoringOptions,
  type SharedOptions,
  savedExecutable,
  sharedExecutable,
} from "../train/saved-executable.js";
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
export interface TrainedModel extends DescribedModel, SavedExecutable {
  readonly checkpoint: Checkpoint;
}

/** A trained model whose tables ranks share. All of them score the same rows. */
export interface SharedModel extends DescribedModel, ScoringExecutable {
  readonly checkpoint: Checkpoint;
  readonly world: World;
}

export interface DescribeOptions extends CodeOptions {
  /** Values that replace those of the config: of `data`, and of `train.groups`. */
  readonly settings?: readonly Setting[];
}

/**
 * @throws CheckpointError if the config or the features are malformed, of an unsupported version or do not belong together, or
 * need code that is not allowed; ConfigError for a setting that a trained model keeps
 */
export async function describeModel(
  checkpoint: Checkpoint,
  { settings = [], ...code }: DescribeOptions = {},
): Promise<DescribedModel> {
  const { dir, manifest } = checkpoint;
  const fitted = readFittedFeatures(manifest.features, dir);
  const features = withCode(fitted, code);
  await knowModel(checkpoint, code);
  refuseOtherCount(manifest.config, fitted, dir);
  settings.forEach(refuseTrained);
  const own = resolveConfig(manifest.config);
  refuseOtherFeatures(own, fitted, dir);
  const config = settings.length === 0 ? own : resolveConfig(configWith(manifest.config, settings));
  const spec = specOf(config, fittedFeatureInfos(features));
  const graph = inferenceGraph({ ...spec, members: manifest.members?.length });
  const { storage } = manifest;
  return { config, features, graph: storage ? storeTables(graph, storage) : graph };
}

/** What may change after training: where rows come from, and how they are grouped. */
const FREE = /^(data|train\.groups)(?=[.[]|$)/;

function refuseTrained({ path, value }: Setting): void {
  if (FREE.test(path)) return;
  throw new ConfigError({
    what: "a trained model keeps this setting",
    where: path,
    got: showValue(value),
    expected: "a setting of data or of train.groups",
    next: "Remove the setting, or train another model with it.",
  });
}

/**
 * Reads a checkpoint's parameters, verifying every byte, and compiles its forward pass.
 * @throws CheckpointError
 */
export async function openModel(
  checkpoint: Checkpoint,
  options: ScoringOptions & DescribeOptions,
): Promise<TrainedModel> {
  const described = await describeModel(checkpoint, options);
  return { ...described, checkpoint, ...(await savedExecutable(checkpoint, described, options)) };
}

/**
 * The same for ranks that score together: each reads its share of the tables.
 * @throws CheckpointError
 */
export async function openSharedModel(
  checkpoint: Checkpoint,
  options: SharedOptions & DescribeOptions,
): Promise<SharedModel> {
  const described = await describeModel(checkpoint, options);
  const { world } = options;
  return { ...described, checkpoint, world, ...(await sharedExecutable(checkpoint, described, options)) };
}

/**
 * The model of a checkpoint that holds changes to an open one. It has the tables of that one, which is not usable any more once
 * the changes are applied.
 * @returns undefined if the checkpoint must be opened as a whole
 * @throws CheckpointError
 */
export async function changedModel(
  checkpoint: Checkpoint,
  before: TrainedModel,
  options: ScoringOptions & DescribeOptions,
): Promise<(TrainedModel & ChangedExecutable) | undefined> {
  if (before.state === undefined || checkpoint.base !== before.state.checkpoint) return undefined;
  const described = await describeModel(checkpoint, options);
  const changed = await changedExecutable(checkpoint, described, before.state, options);
  return changed && { ...described, checkpoint, ...changed };
}
