import { CHANGE_CONSUMERS } from "../backends/backend.js";
import { type Checkpoint, findLatest } from "../checkpoint/index.js";
import { broadcastJson, type World } from "../distributed/world.js";
import { cleanedUp } from "../errors.js";
import { placedParameters, shardingOf } from "../passes/shard.js";
import { fittedFeatureInfos } from "./feature-info.js";
import { ModelState } from "./model-state.js";
import { openVersions, Publisher, type PublishSettings } from "./publisher.js";
import { inferenceGraph, trainingGraph } from "./step/model-graphs.js";
import { specOf, trainingSettingsOf } from "./step/model-spec.js";
import type { TrainerOptions } from "./trainer.js";

type Options = Pick<TrainerOptions, "config" | "features" | "backend" | "runDir"> & { readonly world: World };

/**
 * Publishes the state of a checkpoint, if the config says where and no version is as new, and finishes what a killed process has left
 * undone there. All ranks call it.
 * @returns whether it has been published now
 * @throws what publishing during training throws
 */
export async function publishSaved(checkpoint: Checkpoint, options: Options): Promise<boolean> {
  const { config, features, world } = options;
  const { publish, metric } = config.train;
  if (!publish) return false;
  if (!(await isOwed(checkpoint, publish, world))) {
    if (world.rank === 0) await (await Publisher.open(publish, metric, true)).close();
    return false;
  }
  const state = stateOf(options);
  const versions = await openVersions(world, state, publish, metric, true);
  const { tables: _, ...facts } = checkpoint.manifest;
  const publishState = async () => {
    await state.load(checkpoint);
    await versions.publish(facts.step, async () => {
      return { ...facts, config, features, ...(await state.tensors({ consumer: CHANGE_CONSUMERS.publish })) };
    });
  };
  await cleanedUp(publishState, () => versions.close());
  return true;
}

/** Rank 0 looks for all. */
async function isOwed({ manifest }: Checkpoint, { to }: PublishSettings, world: World): Promise<boolean> {
  const newest = world.rank === 0 ? (await findLatest(to)).checkpoint?.manifest.step : undefined;
  return broadcastJson(world, world.rank === 0 ? (newest ?? -1) < manifest.step : undefined);
}

/** Room for everything that a run with these features trains. */
function stateOf({ config, features, backend, runDir, world }: Options): ModelState {
  const spec = specOf(config, fittedFeatureInfos(features));
  const graphs = [inferenceGraph(spec), trainingGraph(spec, trainingSettingsOf(config))];
  const sharding = shardingOf(world.size);
  const attrs = graphs.flatMap((graph) => placedParameters(graph, sharding));
  return new ModelState({ backend, features, train: config.train, runDir, world }, attrs);
}
