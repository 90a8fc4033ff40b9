import { expect, it } from "vitest";
import { importPipeline } from "./import-config.js";
import { ImportError } from "./import-error.js";

const TEXT = `train_input_path: "d.csv"
train_config { sparse_optimizer { adagrad_optimizer { lr: 0.1 } } dense_optimizer { adam_optimizer { lr: 0.1 } } num_epochs: 1 }
data_config { batch_size: 32 dataset_type: CsvDataset fg_mode: FG_DAG label_fields: "y" input_fields_str: "a:STRING" }
feature_configs { id_feature { feature_name: "a" expression: "user:a" hash_bucket_size: 10 embedding_dim: 4 init_fn: "zeros_" } }
feature_configs { raw_feature { feature_name: "r" expression: "user:r" normalizer: "method=zscore,mean=1,standard_deviation=2" } }
feature_configs { expr_feature { feature_name: "e" expression: "x * 2" variables: "user:x" } }
model_config { feature_groups { group_name: "all" feature_names: "a" feature_names: "r" feature_names: "e" group_type: DEEP }
  dcn_v2 { cross { cross_num: 1 } final { hidden_units: 4 activation: "nn.ReLU" } } losses { binary_cross_entropy {} } }`;

/** Every object inherits these names. */
const INHERITED = ["constructor", "toString", "__proto__", "hasOwnProperty"];

it.each([
  ['"zeros_"', (name: string) => `"${name}"`],
  ['"zeros_"', (name: string) => `"nn.init.${name},a=1"`],
  ["method=zscore", (name: string) => `method=${name}`],
  ["nn.ReLU", (name: string) => name],
  ["a:STRING", (name: string) => `a:${name}`],
  ["embedding_dim: 4", (name: string) => `embedding_dim: ${name}`],
  ["x * 2", (name: string) => `${name}(x)`],
  ["fg_mode: FG_DAG", (name: string) => `fg_mode: ${name}`],
  ["zeros_", (name: string) => `zeros_,${name}=1`],
])("%s with a name that objects inherit is refused where it stands", (here, named) => {
  expect(TEXT).toContain(here);
  for (const name of INHERITED)
    expect(() => importPipeline(TEXT.replace(here, named(name)), "p.config")).toThrow(ImportError);
  expect(() => importPipeline(TEXT, "p.config")).not.toThrow();
});

it.each(["constructor", "toString"])("a feature, a variable and a word may be called %s", (name) => {
  const words = `vocab_dict { key: "${name}" value: 2 }`;
  const text = TEXT.replaceAll('"e"', `"${name}"`)
    .replace("x * 2", `${name} * 2`)
    .replace("user:x", `user:${name}`)
    .replace("hash_bucket_size: 10", words);
  const { input } = importPipeline(text, "p.config");
  expect(input.features[2]).toMatchObject({ name, expression: `${name} * 2` });
});
