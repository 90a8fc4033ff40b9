import type { ConfigError } from "../errors.js";
import { ownValue } from "../own-value.js";
import type { ImportError } from "./import-error.js";
import type { Section } from "./section.js";

/** A setting of a pipeline config: its section and name. */
type Place = readonly [section: Section, name: string];

/** Paths in Pairloom's config, and the sections that they are made of. The first that matches is used. */
const PLACES: readonly (readonly [RegExp, (root: Section, part: string) => Place])[] = [
  [/^features\[(\d+)\]/, (root, index) => featureAt(root, Number(index))],
  [/^data\.train(?:\.path|$)/, (root) => [root, "train_input_path"]],
  [/^data\.valid(?:\.path|$)/, (root) => [root, "eval_input_path"]],
  [/^(?:data|train\.(?:batchSize|shuffle)$)/, (root) => [root, "data_config"]],
  [/^model\.(?:(\w+)\.)?features/, groupAt],
  [/^model\.?(\w*)/, modelAt],
  [/^train\.optimizer\.overrides\[(\d+)\]/, partAt],
  [/^train\.average/, (root) => [optimizer(root), "ema"]],
  [/^train\.(?:optimizer|l2)\.dense/, (root) => [root.required("train_config"), "dense_optimizer"]],
  [/^train\.(?:optimizer|l2|clip)\.embedding/, (root) => [root.required("train_config"), "sparse_optimizer"]],
  [/^train\.groups/, (root) => [root.required("model_config"), "metrics"]],
  [/^train\.sampleMask/, (root) => [root.required("data_config"), "sample_mask_prob"]],
  [/^train\.metricsHalfLife/, (root) => [root.required("model_config"), "train_metrics"]],
  [/^train\.(?:loss|metric)/, (root) => [root.required("model_config"), "losses"]],
  [/^/, (root) => [root, "train_config"]],
];

/** The settings that a key of Pairloom is made of, where its name is another. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  learningRate: ["lr"],
  rate: ["decay_factor"],
  steps: ["decay_size", "T_max", "T_0", "num_steps"],
  growth: ["T_mult"],
  from: ["warmup_learning_rate"],
  length: ["warmup_size"],
  boundaries: ["boundaries", "schedule_sizes"],
  decay: ["rho", "alpha", "decay"],
  initialAccumulator: ["initial_accumulator_value"],
  dense: ["weight_decay"],
  embedding: ["weight_decay", "max_gradient", "embedding_name"],
  norm: ["max_gradient"],
  value: ["max_gradient", "default_value"],
  keep: ["keep_prob", "keep_checkpoint_max"],
  epochs: ["num_epochs"],
  every: ["save_checkpoints_steps"],
  evaluateEvery: ["save_checkpoints_steps"],
  classes: ["num_class"],
  label: ["label_fields"],
  weight: ["sample_weight_fields"],
  name: ["feature_name"],
  column: ["expression"],
  hash: ["hash_bucket_size"],
  buckets: ["num_buckets"],
  vocabulary: ["vocab_list", "vocab_dict", "vocab_file"],
  dim: ["embedding_dim"],
  dtype: ["data_type"],
  width: ["value_dim"],
  missing: ["fg_encoded_default_value", "default_value"],
  initializer: ["init_fn", "wide_init_fn"],
  channels: ["num_channels"],
  layers: ["cross_num", "cin_layer_size"],
  rank: ["low_rank", "compressed_feature_num"],
  linearFields: ["lcb_feature_num"],
  interactionFields: ["fmb_feature_num"],
  dropout: ["dropout_ratio"],
  embeddingDim: ["wide_embedding_dim"],
  count: ["n_mask_blocks"],
  units: ["hidden_dim"],
  aggregationUnits: ["aggregation_dim"],
};

const optimizer = (root: Section) => root.required("train_config").required("dense_optimizer");

function featureAt(root: Section, index: number): Place {
  const feature = root.sections("feature_configs")[index];
  return feature ? [feature, feature.names[0]] : [root, "feature_configs"];
}

/** A group by its name, or the first of a model that has one. */
function groupAt(root: Section, name: string | undefined): Place {
  const groups = root.required("model_config").sections("feature_groups");
  const group = name === undefined ? groups[0] : groups.find((each) => each.text("group_name") === name);
  return group ? [group, "feature_names"] : modelAt(root, "");
}

function modelAt(root: Section, part: string): Place {
  const model = root.required("model_config");
  const kind = model.which("model")!;
  const settings = model.section(kind)!;
  const own = [part, `${part}_mlp`, `wukong_${part}`].find((name) => settings.has(name));
  return own === undefined ? [model, kind] : [settings, own];
}

function partAt(root: Section, index: string): Place {
  const part = optimizer(root).inside("part_optimizers", Number(index));
  const kind = part?.which("optimizer");
  return part && kind !== undefined ? [part, kind] : [optimizer(root), "part_optimizers"];
}

/** The setting inside a section that a key of the path is made of; the whole section if there is none. */
function within([section, name]: Place, where: string): Place {
  const key = where.match(/\w+(?=(?:\[\d+\])*$)/)?.[0] ?? "";
  const own = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const index = Number(/^model\.\w+\[(\d+)\]/.exec(where)?.[1] ?? 0);
  return section.inside(name, index)?.find(ownValue(NAMES, key) ?? [own]) ?? [section, name];
}

/** An error of the converted config as one of the pipeline config, with its path and line. */
export function locate(error: ConfigError, root: Section): ImportError {
  const { where = "", what, next, ...rest } = error.report;
  const [pattern, placeOf] = PLACES.find(([each]) => each.test(where))!;
  const place = placeOf(root, pattern.exec(where)![1]);
  const [section, name] = within(place, where);
  const index = Number(/\.\w+\[(\d+)\]$/.exec(where)?.[1] ?? 0);
  // Where a single setting is named, it is the one to correct.
  const step = name === place[1] ? next : next?.replace(`Set ${where} to`, "Set it to");
  const report = { ...rest, next: step, what: where ? `${what} (${where} of the converted config)` : what };
  return section.error(name, report, index);
}
