import type { ConfigError } from "../errors.js";
import type { ImportError } from "./import-error.js";
import type { Section } from "./section.js";

/** A setting of a pipeline config: its section and name. */
type Place = readonly [section: Section, name: string];

/** Paths in Pairloom's config, and the settings that they are made of. The first that matches is used. */
const PLACES: readonly (readonly [RegExp, (root: Section, part: string, inner?: string) => Place])[] = [
  [/^features\[(\d+)\](?:\.(\w+))?/, (root, index, key) => featureAt(root, Number(index), key)],
  [/^data\.train/, (root) => [root, "train_input_path"]],
  [/^data\.valid/, (root) => [root, "eval_input_path"]],
  [/^data/, (root) => [root, "data_config"]],
  [/^model\.(\w+)\.features/, groupAt],
  [/^model\.?(\w*)/, modelAt],
  [/^train\.optimizer\.dense/, (root) => [root.required("train_config"), "dense_optimizer"]],
  [/^train\.optimizer\.embedding/, (root) => [root.required("train_config"), "sparse_optimizer"]],
  [/^train\.(loss|metric|groups)/, (root) => [root.required("model_config"), "losses"]],
  [/^/, (root) => [root, "train_config"]],
];

function featureAt(root: Section, index: number, key: string | undefined): Place {
  const feature = root.sections("feature_configs")[index];
  if (!feature) return [root, "feature_configs"];
  const settings = feature.section(feature.names[0])!;
  return key !== undefined && settings.has(key) ? [settings, key] : [feature, feature.names[0]];
}

function groupAt(root: Section, name: string): Place {
  const groups = root.required("model_config").sections("feature_groups");
  const group = groups.find((each) => each.text("group_name") === name);
  return group ? [group, "feature_names"] : modelAt(root, "");
}

function modelAt(root: Section, part: string): Place {
  const model = root.required("model_config");
  const kind = model.which("model")!;
  const settings = model.section(kind)!;
  const own = [part, `${part}_mlp`, `wukong_${part}`].find((name) => settings.has(name));
  return own === undefined ? [model, kind] : [settings, own];
}

/** An error of the converted config as one of the pipeline config, with its path and line. */
export function locate(error: ConfigError, root: Section): ImportError {
  const { where = "", what, ...rest } = error.report;
  const [pattern, placeOf] = PLACES.find(([each]) => each.test(where))!;
  const [, part, inner] = pattern.exec(where)!;
  const [section, name] = placeOf(root, part, inner);
  return section.error(name, { ...rest, what: where ? `${what} (${where} of the converted config)` : what });
}
