import { expect, it } from "vitest";
import { importPipeline } from "./import-config.js";
import { ImportError } from "./import-error.js";
import { ENUMS, MESSAGES } from "./tzrec-messages.generated.js";

/*
 * Every setting of TorchEasyRec's schema that a config of a product model may have, one after the other, is taken over,
 * left out with a warning or refused with its line.
 */

/** A whole config; `<Name>` is a place where a message of that name takes settings. */
const WHOLE = `<EasyRecConfig> train_input_path: "a.parquet" eval_input_path: "b.parquet"
train_config { <TrainConfig> num_epochs: 1
  dense_optimizer { <DenseOptimizer> } sparse_optimizer { <SparseOptimizer> } }
data_config { <DataConfig> dataset_type: ParquetDataset fg_mode: MODE label_fields: "label" }
feature_configs { raw_feature { feature_name: "n" expression: "u:n" } }
feature_configs { id_feature { feature_name: "i" expression: "u:i" num_buckets: 9 embedding_dim: 4 } }
feature_configs { id_feature { feature_name: "j" expression: "u:j" num_buckets: 9 embedding_dim: 4 } }
FEATURE
model_config { <ModelConfig>
  feature_groups { <FeatureGroupConfig> group_name: "deep" group_type: DEEP feature_names: ["i", "j"] ENCODER }
  feature_groups { group_name: "sparse" group_type: DEEP feature_names: ["i", "j"] }
  feature_groups { group_name: "wide" group_type: WIDE feature_names: "i" }
  MODEL }`;

/** The config with a setting in a line of its own. @returns the text and the line */
function config(message: string, setting: string, mode: string): [text: string, line: number] {
  const encoder = ENCODERS[message] ?? "";
  const features = message in FEATURES ? FEATURES[message] : encoder && CLICKS;
  const feature = features && `feature_configs { ${features} }`;
  const whole = WHOLE.replace("MODE", mode)
    .replace("FEATURE", feature)
    .replace("ENCODER", encoder)
    .replace("MODEL", MODELS[message] ?? MODELS.DCNV2)
    .replace("<DenseOptimizer>", message in DENSE ? DENSE[message] : "adam_optimizer {} <DenseOptimizer>")
    .replace(
      "<SparseOptimizer>",
      message in SPARSE ? SPARSE[message] : "adagrad_optimizer {} <SparseOptimizer>",
    );
  const [before, after] = whole.split(`<${message}>`).map((text) => text.replaceAll(/<\w+>/g, ""));
  return [`${before}\n${setting}\n${after}`, before.split("\n").length + 1];
}

const ID = 'feature_name: "x" embedding_dim: 4';
const FEATURES: Readonly<Record<string, string>> = {
  IdFeature: `id_feature { <IdFeature> ${ID} expression: "u:x" hash_bucket_size: 9 }`,
  RawFeature: 'raw_feature { <RawFeature> feature_name: "x" expression: "u:x" }',
  ComboFeature: `combo_feature { <ComboFeature> ${ID} expression: ["u:x", "u:y"] hash_bucket_size: 9 }`,
  LookupFeature: 'lookup_feature { <LookupFeature> feature_name: "x" map: "u:m" key: "u:k" }',
  MatchFeature:
    'match_feature { <MatchFeature> feature_name: "x" nested_map: "u:m" pkey: "u:k" skey: "u:l" }',
  ExprFeature: 'expr_feature { <ExprFeature> feature_name: "x" variables: "u:a" expression: "a + 1" }',
  OverlapFeature:
    'overlap_feature { <OverlapFeature> feature_name: "x" query: "u:q" title: "u:t" method: "is_equal" }',
  KvDotProduct: 'kv_dot_product { <KvDotProduct> feature_name: "x" query: "u:q" document: "u:d" }',
  CombineFeature: 'combine_feature { <CombineFeature> feature_name: "x" expression: "u:x" }',
  BoolMaskFeature: `bool_mask_feature { <BoolMaskFeature> ${ID} expression: ["u:x", "u:y"] hash_bucket_size: 9 }`,
  SequenceFeature: `sequence_feature { <SequenceFeature> sequence_name: "s" sequence_length: 5
    features { id_feature { ${ID} expression: "u:x" num_buckets: 9 } } }`,
};
const MLP = "{ hidden_units: 4 }";
const CLICKS = 'sequence_id_feature { feature_name: "c" expression: "u:c" num_buckets: 9 embedding_dim: 4 }';
const encoderOf = (message: string, text: string) => [
  message,
  `sequence_groups { group_name: "g" feature_names: ["i", "c"] } sequence_encoders { ${text} }`,
];
/** The sequences of a group, by the message of what encodes them. */
const ENCODERS: Readonly<Record<string, string>> = Object.fromEntries([
  encoderOf("PoolingEncoder", 'pooling_encoder { <PoolingEncoder> input: "g" }'),
  encoderOf("SimpleAttention", 'simple_attention { <SimpleAttention> input: "g" }'),
  encoderOf("DINEncoder", `din_encoder { <DINEncoder> input: "g" attn_mlp ${MLP} }`),
  encoderOf(
    "MultiWindowDINEncoder",
    `multi_window_din_encoder { <MultiWindowDINEncoder> input: "g" windows_len: 3 attn_mlp ${MLP} }`,
  ),
  encoderOf("SelfAttentionEncoder", 'self_attention_encoder { <SelfAttentionEncoder> input: "g" }'),
  [
    "SeqGroupConfig",
    'sequence_groups { <SeqGroupConfig> feature_names: ["i", "c"] } sequence_encoders { pooling_encoder {} }',
  ],
]);
const LAYER = `{ lcb_feature_num: 2 fmb_feature_num: 2 feature_num_mlp ${MLP} }`;
const MODELS: Readonly<Record<string, string>> = {
  DLRM: `dlrm { <DLRM> final ${MLP} }`,
  WuKong: `wukong { <WuKong> final ${MLP} wukong_layers ${LAYER} }`,
  DeepFM: `deepfm { <DeepFM> deep ${MLP} }`,
  WideAndDeep: `wide_and_deep { <WideAndDeep> deep ${MLP} }`,
  xDeepFM: `xdeepfm { <xDeepFM> cin { cin_layer_size: 3 } deep ${MLP} final ${MLP} }`,
  DCNV1: `dcn_v1 { <DCNV1> cross {} deep ${MLP} final ${MLP} }`,
  DCNV2: `dcn_v2 { <DCNV2> cross {} final ${MLP} }`,
  MaskNet: "mask_net { <MaskNet> mask_net_module { n_mask_blocks: 1 mask_block { hidden_dim: 4 } } }",
  MaskNetModule:
    "mask_net { mask_net_module { <MaskNetModule> n_mask_blocks: 1 mask_block { hidden_dim: 4 } } }",
  MaskBlock: "mask_net { mask_net_module { n_mask_blocks: 1 mask_block { <MaskBlock> hidden_dim: 4 } } }",
  MultiTower: `multi_tower { <MultiTower> towers { input: "deep" mlp ${MLP} } final ${MLP} }`,
  Tower: `multi_tower { towers { <Tower> input: "deep" mlp ${MLP} } final ${MLP} }`,
  MultiTowerDIN: `multi_tower_din { <MultiTowerDIN> towers { input: "deep" mlp ${MLP} } final ${MLP} }`,
  MLP: `dcn_v2 { cross {} final { <MLP> hidden_units: 4 } }`,
  WuKongLayer: `wukong { final ${MLP} wukong_layers { <WuKongLayer> ${LAYER.slice(1)} }`,
};

/** The optimizers by the names of their messages. */
const byMessage = (choice: unknown) =>
  Object.fromEntries(
    Object.entries(choice as Record<string, string>).map(([name, of]) => [of, `${name} { <${of}> }`]),
  );
const DENSE: Readonly<Record<string, string>> = byMessage(MESSAGES.DenseOptimizer.optimizer);
const SPARSE: Readonly<Record<string, string>> = byMessage(MESSAGES.SparseOptimizer.optimizer);

/** A value of a type as the schema writes it. */
function sample(type: string): string {
  const [, name] = /^(?:repeated )?(\w+)/.exec(type)!;
  if (type.startsWith("map")) return ' { key: "k" value: 2 }';
  if (name === "string") return ': "1"';
  if (name === "bool") return ": true";
  if (name in ENUMS) return `: ${Object.keys(ENUMS[name])[1]}`;
  return name in MESSAGES ? " {}" : ": 2";
}

const SECTIONS = ["EasyRecConfig", "TrainConfig", "DataConfig", "ModelConfig", "FeatureGroupConfig"];
const messages = [...SECTIONS, ...Object.keys({ ...FEATURES, ...ENCODERS, ...MODELS, ...DENSE, ...SPARSE })];

/** The mode decides how features are read: models, their layers and optimizers are tried in one. */
const cases = messages.flatMap((message) =>
  message in { ...MODELS, ...DENSE, ...SPARSE }
    ? [[message, "FG_NONE"]]
    : ["FG_DAG", "FG_NONE", "FG_BUCKETIZE"].map((mode) => [message, mode]),
);

it.each(cases)(
  "%s, %s: a setting is taken over, left out with a warning or refused by line",
  (message, mode) => {
    importPipeline(config(message, "", mode)[0], "p.config");
    for (const [name, type] of fieldsOf(message)) {
      const setting = `${name}${sample(type)}`;
      const [text, line] = config(message, setting, mode);
      const error = importOf(text);
      if (!(error instanceof Error)) continue;
      expect(error, setting).toBeInstanceOf(ImportError);
      expect(error.message, setting).toMatch(/^p\.config:\d+: \w/);
      // What is wrong with the setting itself is said in its line.
      const [, at, path] = /^p\.config:(\d+): ([\w.[\]]+)/.exec(error.message)!;
      if (path.endsWith(`.${name}`) && !/missing|twice|there is no/.test(error.message))
        expect(Number(at), error.message).toBe(line);
    }
  },
);

function fieldsOf(message: string): [name: string, type: string][] {
  return Object.entries(MESSAGES[message]).flatMap(([name, type]): [string, string][] =>
    typeof type === "string" ? [[name, type]] : Object.entries(type),
  );
}

/** Settings that lose nothing where they do not change the config. */
const KEPT = [
  "model_dir", // pairloom train --run
  "stub_type", // a feature that no group names
  "embedding_name_suffix", // the names of the weights
  "fg_encoded", // the mode that the config has already
];

it.each(cases)("%s, %s: no setting is dropped without a word", (message, mode) => {
  const base = importPipeline(config(message, "", mode)[0], "p.config");
  const plain = JSON.stringify(base.input);
  for (const [name, type] of fieldsOf(message))
    for (const value of otherValues(type)) {
      if (KEPT.includes(name)) continue;
      const imported = importOf(config(message, `${name}${value}`, mode)[0]);
      if (imported instanceof Error) continue;
      const { input, warnings } = imported;
      const isSaid = warnings.some(
        (warning) => warning.includes(`.${name} `) || warning.includes(`: ${name} `),
      );
      expect(isSaid || JSON.stringify(input) !== plain, `${message}.${name}${value}`).toBe(true);
    }
});

/** Values of a type that differ from its default; a message that sets nothing changes nothing. */
function otherValues(type: string): string[] {
  const [, name, usual] = /^(?:repeated )?(\w+)(?: = (.*))?$/.exec(type) ?? [];
  if (type.startsWith("map")) return [sample(type)];
  if (name === "bool") return [usual === "true" ? ": false" : ": true"];
  if (name in ENUMS)
    return Object.keys(ENUMS[name])
      .filter((word) => word !== usual)
      .map((word) => `: ${word}`);
  if (name === "string") return [': "1"'];
  return name in MESSAGES ? [] : [": 2", ": 3"].filter((value) => value !== `: ${usual}`);
}

/** What is imported, or the error. */
function importOf(text: string): ReturnType<typeof importPipeline> | Error {
  try {
    return importPipeline(text, "p.config");
  } catch (error) {
    return error as Error;
  }
}
