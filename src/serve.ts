/** The exports of `pairloom/serve`: scoring, without the packages that only training needs. */

import { offerToConfigFiles } from "./saved/public-module.js";

export {
  CheckpointError,
  ConfigError,
  DataError,
  type ErrorReport,
  ExecutionError,
  PairloomError,
} from "./errors.js";
export type { ColumnsOf, Rows } from "./serve/cells.js";
export { EventStore } from "./serve/event-store.js";
export type { FollowingPredictor } from "./serve/following-predictor.js";
export { type LoadOptions, load } from "./serve/load.js";
export type { Predictor } from "./serve/predictor.js";
export type { RankedItem, RankRequest } from "./serve/rank.js";
export type { LabelOf, RowOf } from "./serve/row.js";

offerToConfigFiles(() => import("./index.js"));
