import type { Config } from "../config/config.js";
import type { PreparedData } from "../data/index.js";
import type { Topology } from "../distributed/topology.js";
import { Planner } from "../plan/planner.js";
import { sizedFeatures } from "../plan/sizes.js";
import { fittedFeatureInfos } from "../train/feature-info.js";
import { rowsPerStep } from "../train/step/gradient-accumulation.js";
import { inferenceGraph, trainingGraph } from "../train/step/model-graphs.js";
import { specOf, trainingSettingsOf } from "../train/step/model-spec.js";
import { storesOf } from "../train/tiers.js";
import { prepareFor } from "./prepare-for.js";

export interface PlanRunOptions {
  readonly topology?: Topology;
  /** Bytes of each rank. */
  readonly memory?: number;
  /** Read the data, or what an earlier run has packed of it. */
  readonly measure?: boolean;
}

/** Plans what a config trains. @throws ConfigError, DataError like {@link prepareFor} */
export async function plannerOf(config: Config, { measure, ...machines }: PlanRunOptions): Promise<Planner> {
  if (measure) return preparedPlanner(config, await prepareFor(config, () => undefined), machines);
  const { features, ...sizes } = await sizedFeatures(config.features);
  return new Planner({ ...machines, ...graphsOf(config, features), ...sizes });
}

export function preparedPlanner(
  config: Config,
  { features, splits }: Pick<PreparedData, "features" | "splits">,
  machines: Omit<PlanRunOptions, "measure">,
): Planner {
  const { seed, shuffle } = config.train;
  return new Planner({
    ...machines,
    ...graphsOf(config, fittedFeatureInfos(features)),
    stores: storesOf(features, ""),
    data: splits.train,
    counting: { shuffle: shuffle ? { seed, epoch: 0 } : undefined },
  });
}

function graphsOf(config: Config, features: Parameters<typeof specOf>[1]) {
  const { train } = config;
  const spec = specOf(config, features);
  return {
    training: trainingGraph(spec, trainingSettingsOf(config)),
    inference: inferenceGraph(spec),
    batch: rowsPerStep(train),
    groups: train.accumulationGroups,
    threads: train.threads,
    constraints: new Map(Object.entries(train.placement ?? {})),
  };
}
