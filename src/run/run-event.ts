import type { Config } from "../config/config.js";
import type { PreparedData, PrepareProgress } from "../data/index.js";
import type { TrainingResult } from "../train/trainer.js";
import type { EvaluationEvent, TrainingEvent } from "../train/training-event.js";
import type { DataWarning } from "./data-warnings.js";

/** The events of a run, from the first row read to the last measurement, in this order. */
export type RunEvent =
  | { readonly kind: "preparing"; readonly progress: PrepareProgress }
  | { readonly kind: "prepared"; readonly data: PreparedData; readonly seconds: number }
  | { readonly kind: "dataWarning"; readonly warning: DataWarning }
  | ModelEvent;

/**
 * Events of one model: the config's or a baseline. Models train and are measured one after the other. At its start, the config
 * has its default length, and `length` says why, if it set none.
 */
export type ModelEvent = { readonly model: string } & (
  | { readonly kind: "trainingStarted"; readonly config: Config; readonly length?: string }
  | TrainingEvent
  | { readonly kind: "trainingEnded"; readonly result: TrainingResult }
  | EvaluationEvent
);
