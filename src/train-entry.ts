/** The exports of `pairloom/train`: training, search, evaluation and scoring of files as functions. */

import { offerToConfigFiles } from "./saved/public-module.js";

export { type Config, type ConfigInput, defineConfig } from "./config/config.js";
export {
  CheckpointError,
  ConfigError,
  DataError,
  type ErrorReport,
  ExecutionError,
  PairloomError,
} from "./errors.js";
export {
  type ContinuedRun,
  type EvaluateOptions,
  evaluate,
  type ModelOptions,
  type PredictFilesOptions,
  predict,
  type SearchedRun,
  type SearchOptions,
  search,
  type TrainedRun,
  type TrainOptions,
  train,
} from "./run/functions.js";
export type { PredictResult } from "./run/predict-run.js";
export type { Report } from "./run/report.js";
export type { RunEvent } from "./run/run-event.js";
export type { SourceEvaluation } from "./run/score.js";
export type { SearchReport } from "./run/search/search.js";
export type { SearchEvent } from "./run/search/search-event.js";

offerToConfigFiles(() => import("./index.js"));
