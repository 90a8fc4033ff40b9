import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { ColumnSet } from "../columns/columns.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { Graph } from "../graph/graph.js";
import type { Evaluation } from "../metrics/index.js";
import { evaluate, INFERENCE_BATCH, metricSettings } from "./evaluate.js";
import { type SharedOptions, savedExecutable, sharedExecutable } from "./saved-executable.js";
import type { TrainedSections } from "./step/model-spec.js";

export interface MeasuredModel {
  readonly config: TrainedSections;
  readonly features: FittedFeatures;
  /** The forward pass. */
  readonly graph: Graph;
}

/** Where a checkpoint is measured. */
export interface MeasuringOptions extends Omit<SharedOptions, "threads"> {
  readonly onRows?: (rows: number) => void;
}

/** Metrics of a checkpoint's parameters on a split. All ranks call it, and get them. */
export async function evaluateCheckpoint(
  checkpoint: Checkpoint,
  model: MeasuredModel,
  data: ColumnSet,
  { onRows, ...shared }: MeasuringOptions,
): Promise<Evaluation> {
  const options = { ...shared, threads: model.config.train.threads };
  const { executable, batch } =
    shared.world.size > 1
      ? await sharedExecutable(checkpoint, model, options)
      : await savedExecutable(checkpoint, model, { ...options, maxBatch: INFERENCE_BATCH });
  return evaluate(executable, data, metricSettings(model.config), onRows, batch);
}
