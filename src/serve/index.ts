/** What `import … from "pairloom/serve"` offers: scoring, without the packages that only training needs. */

export {
  CheckpointError,
  ConfigError,
  DataError,
  type ErrorReport,
  ExecutionError,
  PairloomError,
} from "../errors.js";
export { type LoadOptions, load, type Predictor } from "./predictor.js";
export type { LabelOf, RowOf } from "./row.js";
