import type { Backend } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { ColumnSet } from "../columns/columns.js";
import type { FittedFeatures } from "../features/fitted.js";
import type { Graph } from "../graph/graph.js";
import type { Evaluation } from "../metrics/index.js";
import { evaluate, INFERENCE_BATCH, metricSettings } from "./evaluate.js";
import { savedExecutable } from "./saved-executable.js";
import type { TrainedSections } from "./step/model-spec.js";

export interface MeasuredModel {
  readonly config: TrainedSections;
  readonly features: FittedFeatures;
  /** The forward pass. */
  readonly graph: Graph;
}

/** Metrics of a checkpoint's parameters on a split. Does not touch parameters in training. */
export async function evaluateCheckpoint(
  checkpoint: Checkpoint,
  { config, ...model }: MeasuredModel,
  backend: Backend,
  data: ColumnSet,
  onRows?: (rows: number) => void,
): Promise<Evaluation> {
  const options = { backend, maxBatch: INFERENCE_BATCH, threads: config.train.threads };
  const { executable } = await savedExecutable(checkpoint, model, options);
  return evaluate(executable, data, metricSettings(config), onRows);
}
