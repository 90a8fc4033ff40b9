/**
 * The exports of `pairloom`: configs, own models, the predictor, and the parts that training is made of. The commands as
 * functions are in `pairloom/train`.
 */

import { offerToConfigFiles } from "./saved/public-module.js";

/** For custom models: docs/new-model.md. */
export { z } from "zod";
export type { Backend } from "./backends/backend.js";
export { chooseBackend } from "./backends/choose.js";
export { type Config, type ConfigInput, defineConfig, resolveConfig } from "./config/config.js";
export type { DataInput, SourceInput } from "./data/data-config.js";
export type { ColumnSet, PreparedData, PrepareOptions, PrepareProgress } from "./data/index.js";
export { prepareData } from "./data/index.js";
export {
  CheckpointError,
  ConfigError,
  DataError,
  type ErrorReport,
  ExecutionError,
  GraphError,
  PairloomError,
} from "./errors.js";
export type { FeatureFunction } from "./features/kinds/define-kind.js";
export type { FeatureInput } from "./features/schema/features.js";
export type { Tensor } from "./graph/tensor.js";
export * as layers from "./layers/index.js";
export type { Scope } from "./layers/scope.js";
export { type Evaluation, evaluateBinary, type MetricResult } from "./metrics/index.js";
export { type ModelInput, type OwnModel, registerModel } from "./models/index.js";
export type { ModelDefinition, ModelFeatures } from "./models/model.js";
export { embeddingDim, featureGroup } from "./models/schema.js";
export { OPS as ops } from "./ops/index.js";
export type { ColumnsOf, Rows } from "./serve/cells.js";
export { EventStore } from "./serve/event-store.js";
export type { FollowingPredictor } from "./serve/following-predictor.js";
export { type LoadOptions, load } from "./serve/load.js";
export type { Predictor } from "./serve/predictor.js";
export type { RankedItem, RankRequest } from "./serve/rank.js";
export type { LabelOf, RowOf } from "./serve/row.js";
export { Trainer, type TrainerOptions, type TrainingResult } from "./train/trainer.js";
export { type AnyTrainer, trainerOf } from "./train/trainer-of.js";
export type { TrainingEvent } from "./train/training-event.js";

offerToConfigFiles(() => import("./index.js"));
