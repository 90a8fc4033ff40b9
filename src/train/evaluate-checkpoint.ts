import type { Backend } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { ColumnSet } from "../columns/columns.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { Graph } from "../graph/graph.js";
import type { Evaluation } from "../metrics/index.js";
import { batchOfInference, evaluate, metricSettings } from "./evaluate.js";
import { type SharedBy, savedExecutable, sharedExecutable } from "./saved-executable.js";
import { rowsPerStep } from "./step/gradient-accumulation.js";
import type { TrainedSections } from "./step/model-spec.js";
import { storesOf } from "./tiers.js";

export interface MeasuredModel {
  readonly config: TrainedSections;
  readonly features: FittedFeatures;
  /** The forward pass. */
  readonly graph: Graph;
}

/** Where a checkpoint is measured. */
export interface MeasuringOptions extends SharedBy {
  readonly backend: Backend;
  readonly onRows?: (rows: number) => void;
}

/** Metrics of a checkpoint's parameters on a split. Does not touch parameters in training. All ranks call it, and get them. */
export async function evaluateCheckpoint(
  checkpoint: Checkpoint,
  { config, ...model }: MeasuredModel,
  data: ColumnSet,
  { onRows, ...shared }: MeasuringOptions,
): Promise<Evaluation> {
  const ranked = shared.world.size > 1;
  const stored = ranked && storesOf(model.features, checkpoint.dir).size > 0;
  const batch = batchOfInference(stored, rowsPerStep(config.train));
  const options = { ...shared, maxBatch: batch, threads: config.train.threads };
  const executable = ranked
    ? await sharedExecutable(checkpoint, model, options)
    : (await savedExecutable(checkpoint, model, options)).executable;
  return evaluate(executable, data, metricSettings(config), onRows, batch);
}
