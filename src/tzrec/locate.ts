import type { ConfigError } from "../errors.js";
import type { ImportError } from "./import-error.js";
import type { Section } from "./section.js";

/** A setting of a pipeline config: its section and name. */
type Place = readonly [section: Section, name: string];

/** Paths in Pairloom's config, and the settings that they are made of. The first that matches is used. */
const PLACES: readonly (readonly [RegExp, (root: Section, index: string) => Place])[] = [
  [/^features\[(\d+)\]/, (root, index) => featureAt(root, Number(index))],
  [/^data\.train/, (root) => [root, "train_input_path"]],
  [/^data\.valid/, (root) => [root, "eval_input_path"]],
  [/^data/, (root) => [root, "data_config"]],
  [/^model/, (root) => [root.required("model_config"), root.required("model_config").which("model")!]],
  [/^train\.optimizer\.dense/, (root) => [root.required("train_config"), "dense_optimizer"]],
  [/^train\.optimizer\.embedding/, (root) => [root.required("train_config"), "sparse_optimizer"]],
  [/^train\.(loss|metric|groups)/, (root) => [root.required("model_config"), "losses"]],
  [/^/, (root) => [root, "train_config"]],
];

function featureAt(root: Section, index: number): Place {
  const feature = root.sections("feature_configs")[index];
  return feature ? [feature, feature.names[0]] : [root, "feature_configs"];
}

/** An error of the converted config as one of the pipeline config, with its path and line. */
export function locate(error: ConfigError, root: Section): ImportError {
  const { where = "", what, ...rest } = error.report;
  const [pattern, placeOf] = PLACES.find(([each]) => each.test(where))!;
  const [section, name] = placeOf(root, pattern.exec(where)![1]);
  return section.error(name, { ...rest, what: where ? `${what} (${where} of the converted config)` : what });
}
