import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toJsonString } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { describe, expect, it, onTestFinished } from "vitest";
import { importPipeline } from "./import-config.js";
import { ImportError } from "./import-error.js";
import { pipelineSchema } from "./tzrec-schema.js";

/** What each setting of TorchEasyRec becomes, and what is refused, with path and line. */

interface Parts {
  readonly dense?: string;
  readonly sparse?: string;
  readonly train?: string;
  readonly data?: string;
  readonly features?: string;
  readonly group?: string;
  readonly model?: string;
  readonly more?: string;
  readonly root?: string;
}

const MODEL = "dcn_v2 { cross {} final { hidden_units: [4] } }";

/** A whole config of one number and one id; every part has its own line. */
function config(parts: Parts = {}): string {
  return `train_input_path: "train.parquet"
eval_input_path: "valid.parquet"
train_config { num_epochs: 1 ${parts.train ?? ""}
  dense_optimizer { ${parts.dense ?? "adam_optimizer { lr: 0.1 }"} }
  sparse_optimizer { ${parts.sparse ?? "adagrad_optimizer { lr: 0.1 }"} } }
data_config { dataset_type: ParquetDataset label_fields: "y" ${parts.data ?? "fg_mode: FG_DAG"} }
feature_configs { raw_feature { feature_name: "n" expression: "user:n" } }
feature_configs { id_feature { feature_name: "i" expression: "user:i" num_buckets: 9 embedding_dim: 4 } }
${parts.features ?? ""}
model_config {
  feature_groups { group_name: "all" group_type: DEEP feature_names: ["n", "i"] ${parts.group ?? ""} }
  ${parts.model ?? MODEL}
  ${parts.more ?? ""} }
${parts.root ?? ""}`;
}

const imported = (parts: Parts = {}) => importPipeline(config(parts), "p.config");
/** The third feature. */
const feature = (features: string, data?: string) =>
  imported({ features: `feature_configs { ${features} }`, data }).config.features[2];

function refusal(parts: Parts): ImportError {
  try {
    imported(parts);
  } catch (error) {
    if (error instanceof ImportError) return error;
    throw error;
  }
  throw new TypeError("nothing was refused");
}

describe("optimizers", () => {
  it.each([
    ["sgd_optimizer { lr: 0.1 }", { kind: "momentum", momentum: 0.9, dampening: 0, nesterov: false }],
    [
      "sgd_optimizer { lr: 0.1 momentum: 0.5 dampening: 0.2 }",
      { kind: "momentum", momentum: 0.5, dampening: 0.2 },
    ],
    ["sgd_optimizer { lr: 0.1 nesterov: true }", { kind: "momentum", nesterov: true }],
    ["sgd_optimizer { lr: 0.1 momentum: 0 }", { kind: "sgd", learningRate: 0.1 }],
    ["sgd_optimizer {}", { kind: "momentum", learningRate: 0.002 }],
    ["adam_optimizer { lr: 0 }", { kind: "adam", learningRate: 0 }],
    ["adagrad_optimizer { lr: 0.1 }", { kind: "adagrad", eps: 1e-10, initialAccumulator: 0 }],
    [
      "adagrad_optimizer { lr: 0.1 eps: 1e-6 initial_accumulator_value: 0.2 }",
      { kind: "adagrad", eps: 1e-6, initialAccumulator: 0.2 },
    ],
    ["adam_optimizer { lr: 0.1 eps: 1e-6 amsgrad: false }", { kind: "adam", eps: 1e-6, beta1: 0.9 }],
    ["adamw_optimizer { lr: 0.1 }", { kind: "adamw", weightDecay: 0 }],
    ["adadelta_optimizer { lr: 0.1 rho: 0.8 }", { kind: "adadelta", decay: 0.8, eps: 1e-6 }],
    ["rmsprop_optimizer { lr: 0.1 }", { kind: "rmsprop", decay: 0.99, eps: 1e-8 }],
  ])("of weights: %s", (dense, expected) => {
    expect(imported({ dense }).config.train.optimizer.dense).toMatchObject(expected);
  });

  it.each([
    ["sgd_optimizer { lr: 0.1 }", { kind: "sgd", learningRate: 0.1 }],
    ["adagrad_optimizer { initial_accumulator_value: 0.3 }", { kind: "adagrad", initialAccumulator: 0.3 }],
    ["rmsprop_optimizer { lr: 0.1 alpha: 0.8 }", { kind: "rmsprop", decay: 0.8, eps: 1e-8 }],
    ["adadelta_optimizer { lr: 0.1 }", { kind: "adadelta", decay: 0.95, eps: 1e-6 }],
    ["partial_rowwise_lamb_optimizer { lr: 0.1 }", { kind: "partialRowWiseLamb", weightDecay: 0 }],
  ])("of tables: %s", (sparse, expected) => {
    expect(imported({ sparse }).config.train.optimizer.embedding).toMatchObject(expected);
  });

  it("schedules by a cosine, once or with restarts", () => {
    const schedule = (text: string) =>
      imported({ dense: `adam_optimizer { lr: 0.1 } ${text}` }).config.train.optimizer.dense.schedule;
    expect(
      schedule("cosine_annealing_learning_rate { T_max: 9 min_learning_rate: 0.01 by_epoch: true }"),
    ).toEqual({ kind: "cosine", steps: 9, minLearningRate: 0.01, by: "epoch" });
    expect(
      schedule(
        "cosine_annealing_warm_restarts_learning_rate { T_0: 4 T_mult: 3 warmup_size: 2 warmup_learning_rate: 0.02 }",
      ),
    ).toEqual({
      kind: "cosineRestarts",
      steps: 4,
      growth: 3,
      minLearningRate: 0,
      warmup: { length: 2, from: 0.02 },
      by: "step",
    });
  });

  it("take the weight decay of PyTorch as l2", () => {
    expect(imported({ dense: "sgd_optimizer { lr: 0.1 weight_decay: 0.25 }" }).config.train.l2.dense).toBe(
      0.25,
    );
    expect(imported({ dense: "adamw_optimizer { weight_decay: 0.25 }" }).config.train.l2.dense).toBe(0);
  });

  it("of parts become overrides of the weights whose names match there, the first that matches", () => {
    const dense = String.raw`adam_optimizer { lr: 0.1 } cosine_annealing_learning_rate { T_max: 9 }
      part_optimizers { sgd_optimizer { lr: 0.2 momentum: 0 weight_decay: 0.5 } regex_pattern: ".*\\.(final|output_mlp)\\..*weight" }
      part_optimizers { adagrad_optimizer { lr: 0.3 } regex_pattern: "model\\.(final|cross).*" constant_learning_rate {} }
      part_optimizers { adam_optimizer {} regex_pattern: "final.*" }`;
    const { config, warnings } = imported({ dense });
    const names = ["final_mlp.0.weight", "output.weight"].map((name) => name.replaceAll(".", "\\."));
    const [first, second, ...others] = config.train.optimizer.overrides;
    expect(first.pattern.split("|")).toEqual(names);
    expect(first).toMatchObject({
      dense: { kind: "sgd", learningRate: 0.2, schedule: { kind: "cosine" } },
      l2: 0.5,
    });
    expect(second.pattern).toMatch(/^cross\\\.0\\\.down\\\.weight\|.*\|final_mlp\\\.0\\\.bias$/);
    expect(second).toMatchObject({ dense: { kind: "adagrad" }, l2: 0 });
    // The rate of the part is constant, whatever the schedule of the others.
    expect(second.dense).not.toHaveProperty("schedule");
    expect(others).toEqual([]);
    expect(warnings.join("\n")).toMatch(/part_optimizers\[2\]\.regex_pattern matches no weight/);
  });

  it.each([
    "constant_learning_rate {}",
    "exponential_decay_learning_rate { decay_size: 2 min_learning_rate: 0.1 warmup_size: 3 warmup_learning_rate: 0.2 }",
    "cosine_annealing_learning_rate { T_max: 9 min_learning_rate: 0.1 }",
    "cosine_annealing_warm_restarts_learning_rate { T_0: 9 min_learning_rate: 0.1 }",
    "manual_step_learning_rate { schedule_sizes: [5, 9] learning_rates: [0.1, 0.2] }",
    "manual_step_learning_rate { schedule_sizes: [5, 9] learning_rates: [0.1, 0.2] warmup: true }",
  ])("with rate 0 stay frozen under %s", (schedule) => {
    const frozen = (kind: string) => ({ kind, learningRate: 0 });
    const own = `part_optimizers { sgd_optimizer { lr: 0 momentum: 0 } regex_pattern: ".*final.*" ${schedule} }`;
    const inherited = `part_optimizers { sgd_optimizer { lr: 0 momentum: 0 } regex_pattern: ".*cross.*" }`;
    const { optimizer } = imported({ dense: `adam_optimizer { lr: 0 } ${schedule} ${own} ${inherited}` })
      .config.train;
    expect(optimizer.dense).toMatchObject(frozen("adam"));
    expect(optimizer.overrides.map(({ dense }) => dense)).toEqual([frozen("sgd"), frozen("sgd")]);
    expect(optimizer.dense).not.toHaveProperty("schedule");
    const { embedding } = imported({ sparse: `adagrad_optimizer { lr: 0 } ${schedule}` }).config.train
      .optimizer;
    expect(embedding).toMatchObject(frozen("adagrad"));
    expect(embedding).not.toHaveProperty("schedule");
  });

  it("refuse a warm-up by hand without sizes or rates", () => {
    const manual = (lists: string) => () =>
      imported({ dense: `adam_optimizer { lr: 0.1 } manual_step_learning_rate { warmup: true ${lists} }` });
    expect(manual("learning_rates: 0.1")).toThrow(/schedule_sizes is missing/);
    expect(manual("schedule_sizes: [3, 2] learning_rates: [0.1, 0.2]")).toThrow(
      /schedule_sizes: the boundaries do not ascend\n *got: *\[3,2\]/,
    );
    expect(manual("schedule_sizes: 5")).toThrow(/learning_rates is missing/);
  });

  it("average weights, and evaluate with the average", () => {
    const dense = "adam_optimizer {} ema { decay: 0.5 }";
    expect(imported({ dense }).config.train.average).toEqual({ decay: 0.5 });
    expect(imported({ dense: "adam_optimizer {} ema {}" }).config.train.average).toEqual({ decay: 0.999 });
    const error = refusal({ dense, root: "eval_config { use_dense_ema: false }" });
    expect(error.message).toMatch(/^p\.config:14: eval_config\.use_dense_ema: /);
  });
});

describe("training", () => {
  it("keeps the defaults of TorchEasyRec", () => {
    const { train } = imported().config;
    expect(train).toMatchObject({
      batchSize: 1024,
      shuffle: false,
      initializer: "torch",
      evaluateEvery: 1000,
    });
    expect(imported({ data: "fg_mode: FG_DAG shuffle: true" }).config.train.shuffle).toBe(true);
  });

  it("are masked at the rate of the data, in the features that say so", () => {
    const masked = (data: string) =>
      imported({
        data: `fg_mode: FG_DAG ${data}`,
        features: `feature_configs { raw_feature { feature_name: "x" expression: "u:x" use_mask: true } }
          feature_configs { combo_feature { feature_name: "c" expression: "u:x" expression: "u:n" hash_bucket_size: 9 embedding_dim: 4 use_mask: true } }`,
      });
    const { config, warnings } = masked("sample_mask_prob: 0.25");
    expect(config.train.sampleMask).toEqual({ rate: 0.25, features: ["x", "c"] });
    expect(warnings.filter((warning) => warning.includes("use_mask"))).toHaveLength(1);
    expect(masked("").config.train.sampleMask).toBeUndefined();
    expect(
      imported({ data: "fg_mode: FG_DAG sample_mask_prob: 0.25" }).config.train.sampleMask,
    ).toBeUndefined();
  });

  it("evaluates by steps, by epochs or neither", () => {
    const every = (train: string) => imported({ train }).input.train?.evaluateEvery;
    expect(every("save_checkpoints_steps: 7")).toBe(7);
    expect(every("save_checkpoints_steps: 0")).toBeUndefined();
    expect(every("save_checkpoints_epochs: 1")).toBeUndefined();
    const text = config().replace('eval_input_path: "valid.parquet"', "");
    const { train } = importPipeline(text, "p.config").input;
    expect(train).not.toHaveProperty("evaluateEvery");
    expect(train).toMatchObject({ checkpoint: { every: 1000 } });
  });

  it.each([
    "fused",
    "save_checkpoints_timestamp_interval",
    "save_checkpoints_timestamps",
    "delta_embedding_dump_config",
  ])("leaves out %s with a warning", (name) => {
    const parts =
      name === "fused"
        ? { dense: "adam_optimizer { fused: true }" }
        : { train: name.endsWith("config") ? `${name} { dump_interval_steps: 9 }` : `${name}: 60` };
    expect(imported(parts).warnings.some((warning) => warning.includes(`.${name} `))).toBe(true);
  });

  it("smooths labels, and measures what is asked for", () => {
    const more = "losses { binary_cross_entropy { label_smoothing: 0.2 } } metrics { normalized_entropy {} }";
    expect(imported({ more }).config.train.loss).toEqual({
      kind: "binaryCrossEntropy",
      labelSmoothing: 0.2,
    });
    const halfLife = (rate: number) =>
      imported({ more: `train_metrics { auc {} decay_rate: ${rate} }` }).config.train.metricsHalfLife;
    expect(halfLife(1)).toBeUndefined();
    expect(halfLife(0.5)).toBe(100 * 1024);
    expect(refusal({ more: "train_metrics { auc {} decay_rate: 0 }" }).message).toMatch(/decay_rate/);
    imported({ more: "losses { l2_loss {} } metrics { xauc { max_pairs: 100 } } train_metrics { xauc {} }" });
  });
});

describe("features", () => {
  const id = (more: string, data?: string) =>
    feature(`id_feature { feature_name: "x" expression: "user:x" embedding_dim: 4 ${more} }`, data);

  it("keep a bag with a default", () => {
    expect(id('num_buckets: 9 default_value: "3"')).toMatchObject({ kind: "ids", missing: { value: 3 } });
    expect(id('hash_bucket_size: 9 default_value: "a"')).toMatchObject({
      kind: "ids",
      missing: { value: "a" },
    });
    expect(id('num_buckets: 9 default_value: "3" value_dim: 1')).toMatchObject({ kind: "id" });
    const encoded = "fg_mode: FG_NONE";
    expect(id('num_buckets: 9 fg_encoded_default_value: "3"', encoded)).toMatchObject({
      kind: "ids",
      missing: { value: 3 },
    });
  });

  it("have a vector as the default of a vector", () => {
    const vector = (more: string, data: string) =>
      feature(`raw_feature { feature_name: "x" expression: "u:x" value_dim: 2 ${more} }`, data);
    expect(vector('fg_encoded_default_value: "0.5\\x031.5"', "fg_mode: FG_NONE")).toMatchObject({
      width: 2,
      missing: [0.5, 1.5],
    });
    const normalizer = 'normalizer: "method=zscore,mean=1,standard_deviation=2"';
    expect(vector(`default_value: "0\\x1d1" ${normalizer}`, "fg_mode: FG_DAG")).toMatchObject({
      missing: [1, 3],
    });
    const three =
      'feature_configs { raw_feature { feature_name: "x" expression: "u:x" value_dim: 2 default_value: "1,2,3" } }';
    expect(refusal({ features: three }).message).toMatch(/default_value[\s\S]*one number, or 2 numbers/);
  });

  it("have a vector default in the separator of the feature", () => {
    const vector = (more: string) =>
      feature(`raw_feature { feature_name: "x" expression: "u:x" value_dim: 2 ${more} }`);
    expect(vector('separator: "#" default_value: "0.5#1.5"')).toMatchObject({ missing: [0.5, 1.5] });
    expect(vector('separator: "-" default_value: "2-3"')).toMatchObject({ missing: [2, 3] });
    expect(vector('separator: "-" default_value: "-1"')).toMatchObject({ missing: -1 });
  });

  it("share a table where their defaults or boundaries differ", () => {
    const word = (name: string, more: string) =>
      `feature_configs { id_feature { feature_name: "${name}" embedding_dim: 4 embedding_name: "e" vocab_list: ["a", "b"] ${more} } }\n`;
    const words = [word("x", 'default_value: "p"'), word("w", ""), word("z", 'default_value: "q"')].join("");
    const { config, features } = imported({ features: words });
    expect(config.features.slice(2)).toMatchObject([
      { vocabulary: ["a", "b", "p"], missing: { value: "p" }, embedding: "e" },
      { vocabulary: ["a", "b", "p"], missing: "empty", embedding: "e" },
      { vocabulary: ["a", "b", "p"], synonyms: { q: "p" }, missing: { value: "q" }, embedding: "e" },
    ]);
    for (const { table } of features.slice(2)) expect(table).toMatchObject({ rows: 4, order: [2, 3, 0, 1] });

    const number = (name: string, boundaries: string) =>
      `feature_configs { raw_feature { feature_name: "${name}" embedding_dim: 4 embedding_name: "e" boundaries: ${boundaries} } }\n`;
    const numbers = imported({ features: number("x", "[1, 2]") + number("w", "[10, 20]") }).config;
    expect(numbers.features.slice(2)).toMatchObject([{ boundaries: [1, 2] }, { boundaries: [10, 20] }]);
    const other = refusal({ features: number("x", "[1, 2]") + number("w", "[10]") });
    expect(other.message).toMatch(/^p\.config:10: feature_configs\[3\]\.raw_feature\.boundaries/);
  });

  it("put a default outside the vocabulary into it", () => {
    expect(id('vocab_list: ["a", "b"] default_value: "z"')).toMatchObject({
      vocabulary: ["a", "b", "z"],
      missing: { value: "z" },
    });
    expect(id('vocab_list: ["a", "b"] default_value: "b"')).toMatchObject({ vocabulary: ["a", "b"] });
  });

  it("have the rows of TorchEasyRec's tables", () => {
    const table = (features: string) =>
      imported({ features: `feature_configs { ${features} }` }).features[2].table;
    const own = 'feature_name: "x" embedding_dim: 4 vocab_list: ["a", "b"]';
    expect(table(`id_feature { ${own} expression: "u:x" }`)).toMatchObject({ rows: 4, order: [2, 3, 1] });
    // One row more, and a default "0" that nobody wrote.
    expect(table(`match_feature { ${own} nested_map: "u:m" pkey: "u:p" skey: "ALL" }`)).toMatchObject({
      rows: 5,
      order: [2, 3, 0, 1],
    });
    const dictionary = 'vocab_dict { key: "a" value: 2 } vocab_dict { key: "b" value: 3 }';
    const words = `id_feature { feature_name: "x" expression: "u:x" embedding_dim: 4 ${dictionary} default_value: "b" }`;
    expect(table(words)).toMatchObject({ rows: 3, order: [0, 2, 1] });
  });

  it("have several words in one row", () => {
    const entries = [
      ["c", 5],
      ["b", 3],
      ["beta", 3],
      ["zero", 0],
      ["B", 3],
    ] as const;
    const dictionary = entries.map(([word, row]) => `vocab_dict { key: "${word}" value: ${row} }`).join(" ");
    const { features, config } = imported({
      features: `feature_configs { id_feature { feature_name: "x" embedding_dim: 4 ${dictionary} default_value: "none" } }`,
    });
    expect(config.features[2]).toMatchObject({
      vocabulary: ["zero", "B", "c"],
      synonyms: { none: "zero", beta: "B", b: "B" },
      missing: { value: "none" },
    });
    expect(features[2].table).toMatchObject({ rows: 6, order: [0, 3, 5, 1] });
  });

  it("share a table with one dictionary, whatever the order of its words", () => {
    const feature = (name: string, words: readonly string[], more: string) =>
      `feature_configs { id_feature { feature_name: "${name}" embedding_dim: 4 embedding_name: "e" ${words.map((word) => `vocab_dict { key: "${word}" value: ${word === "w2" ? 3 : 2} }`).join(" ")} ${more} } }\n`;
    const { config } = imported({
      features:
        feature("x", ["w0", "w1", "w2"], "") +
        feature("w", ["w2", "w1", "w0"], "") +
        feature("z", ["w1", "w2", "w0"], ""),
    });
    for (const each of config.features.slice(2))
      expect(each).toMatchObject({ vocabulary: ["w0", "w2"], synonyms: { w1: "w0" }, embedding: "e" });
  });

  it("are computed from constants", () => {
    expect(
      feature(
        'lookup_feature { feature_name: "x" map: "u:m" key: "const:it\'s: 1" hash_bucket_size: 9 embedding_dim: 4 }',
      ),
    ).toMatchObject({ key: { constant: "it's: 1" } });
    expect(
      feature(
        'combo_feature { feature_name: "x" expression: ["u:a", "const:2"] hash_bucket_size: 9 embedding_dim: 4 }',
      ),
    ).toMatchObject({ inputs: ["a", { constant: "2" }] });
    expect(feature('raw_feature { feature_name: "x" expression: "const:0.5" }')).toMatchObject({
      variables: { x: { constant: "0.5" } },
    });
  });

  it("read vocabularies below asset_dir, as words or as words and rows", () => {
    const folder = mkdtempSync(join(tmpdir(), "pairloom-assets-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, "words.txt"), "red\nblue\n");
    writeFileSync(join(folder, "rows.txt"), "red 2\nblue 1\n");
    const from = (file: string) =>
      id(`vocab_file: "${file}" asset_dir: ${JSON.stringify(folder)} default_bucketize_value: 0`);
    expect(from("words.txt")).toMatchObject({ vocabulary: { file: join(folder, "words.txt") } });
    expect(from("rows.txt")).toMatchObject({ vocabulary: ["blue", "red"] });
  });

  it.each([
    ["nn.init.uniform_,a=0,b=1", { kind: "uniform", range: 0.5, mean: 0.5 }],
    ["nn.init.normal_,mean=0.5,std=0.1", { kind: "normal", std: 0.1, mean: 0.5 }],
    ["nn.init.zeros_", { kind: "constant", value: 0 }],
    ["nn.init.ones_", { kind: "constant", value: 1 }],
    ["nn.init.constant_,val=0.25", { kind: "constant", value: 0.25 }],
    // A table [12, 4]: fan_in 4, fan_out 12.
    ["nn.init.xavier_uniform_", { kind: "uniform", range: Math.sqrt(6 / 16) }],
    ["nn.init.xavier_normal_,gain=2", { kind: "normal", std: 2 * Math.sqrt(2 / 16) }],
    ["nn.init.kaiming_uniform_", { kind: "uniform", range: Math.sqrt(6 / 4) }],
    [
      "nn.init.kaiming_normal_,mode='fan_out',nonlinearity='relu'",
      { kind: "normal", std: Math.sqrt(2 / 12) },
    ],
  ])("start as %s says", (init, expected) => {
    const { initializer } = id(`num_buckets: 12 init_fn: "${init}"`) as { initializer: object };
    expect(Object.keys(initializer)).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected))
      if (typeof value === "number")
        expect((initializer as Record<string, number>)[key]).toBeCloseTo(value, 12);
  });

  it("take over what computed ids and numbers had not", () => {
    const lookup = 'lookup_feature { feature_name: "x" map: "u:m" key: "u:k"';
    expect(feature(`${lookup} combiner: "avg" }`)).toMatchObject({ combiner: "mean" });
    expect(feature(`${lookup} combiner: "count" }`)).toMatchObject({ combiner: "count" });
    expect(feature(`${lookup} num_buckets: 9 embedding_dim: 4 }`)).toMatchObject({ missing: { value: 0 } });
    expect(feature(`${lookup} num_buckets: 9 embedding_dim: 4 default_value: "4" }`)).toMatchObject({
      missing: { value: 4 },
    });
    const combo = 'combo_feature { feature_name: "x" expression: ["u:a", "u:b"] hash_bucket_size: 9';
    expect(feature(`${combo} embedding_dim: 4 default_value: "a_b" }`)).toMatchObject({
      kind: "combo",
      missing: { value: "a_b" },
    });
    const combine = 'combine_feature { feature_name: "x" expression: "u:a" combiner: "max" num_buckets: 9';
    expect(feature(`${combine} embedding_dim: 4 default_value: "2" }`)).toMatchObject({
      combiner: "max",
      missing: { value: 2 },
    });
  });

  it("say which rows may be refused that TorchEasyRec trains on", () => {
    expect(imported().warnings.join("\n")).toMatch(/range \(i\).*outOfRange: "bucket"/);
  });
});

describe("what TorchEasyRec reads in any case", () => {
  it("is read so: pooling, clipping_type and the types of fields", () => {
    const mean = feature('id_feature { feature_name: "x" num_buckets: 9 embedding_dim: 4 pooling: "MEAN" }');
    expect(mean).toMatchObject({ pooling: "mean" });
    expect(
      imported({ train: 'grad_clipping { clipping_type: "NORM" max_gradient: 3 }' }).input.train?.clip,
    ).toEqual({
      norm: 3,
    });
    const fields = 'input_fields_str: "a:int; b : BigInt;c:array< array<bigint> >;d:map<string,int>"';
    const { input, warnings } = importPipeline(
      config({ data: `fg_mode: FG_DAG ${fields} input_fields { input_name: "z" }` }).replace(
        "Parquet",
        "Csv",
      ),
      "p.config",
    );
    expect(input.data.train).toMatchObject({
      types: { a: "INTEGER", b: "BIGINT", c: "VARCHAR", d: "VARCHAR" },
    });
    expect(warnings.join()).toMatch(/input_fields has no effect beside input_fields_str/);
  });

  it.each(["a", ":INT", "a:", "a:INTEGER", "a:ARRAY<X>"])("and refused where it is unknown: %s", (field) => {
    const text = config({ data: `fg_mode: FG_DAG input_fields_str: "b:INT;${field}"` });
    expect(() => importPipeline(text.replace("Parquet", "Csv"), "p.config")).toThrow(
      /^p\.config:6: data_config\.input_fields_str: this field has no name/,
    );
  });
});

describe("what is missing or not local", () => {
  const text = config();
  it.each([
    ['train_input_path: "train.parquet"', 'train_input_path: ""'],
    ['train_input_path: "train.parquet"', ""],
    ['"train.parquet"', '"odps://p/tables/t"'],
    ['"train.parquet"', '"a.parquet, odps://p/tables/t"'],
    ["ParquetDataset", "OdpsDataset"],
  ])("is a path to fill in, with a warning: %s -> %s", (from, to) => {
    const { input, warnings } = importPipeline(text.replace(from, to), "p.config");
    expect(input.data.train).toEqual({ path: "path/to/train/*.parquet", format: "parquet" });
    const said = warnings.find((warning) => warning.includes("set data.train.path"));
    expect(said).toMatch(/^p\.config:1: train_input_path /);
  });

  it("is the path of validation data too, and CSV where the data is", () => {
    const csv = text.replace("ParquetDataset", "CsvDataset");
    const { input } = importPipeline(csv.replace('"valid.parquet"', '"odps://p/t"'), "p.config");
    expect(input.data.valid).toMatchObject({ path: "path/to/valid/*.csv" });
    expect(input.data.train).toMatchObject({ path: "train.parquet" });
  });

  it.each([
    ["num_epochs: 1", "", /^p\.config:3: train_config\.num_epochs is missing/],
    [
      "num_epochs: 1",
      "num_epochs: 1",
      /^p\.config:3: train_config\.keep_checkpoint_max is 0, which keeps all/,
    ],
    ["num_epochs: 1", "num_epochs: 1 keep_checkpoint_max: 0", /keep_checkpoint_max is 0, which keeps all/],
    [
      "num_epochs: 1",
      "num_epochs: 1 save_checkpoints_steps: 0",
      /save_checkpoints_steps is 0, so TorchEasyRec saves only/,
    ],
    [
      "fg_mode: FG_DAG",
      "fg_mode: FG_DAG fg_encoded: true",
      /fg_mode has no effect beside fg_encoded, which means FG_NONE/,
    ],
    [
      "adam_optimizer { lr: 0.1 }",
      "adam_optimizer {} cosine_annealing_learning_rate { T_max: 9 warmup_learning_rate: 2 }",
      /warmup_learning_rate has no effect/,
    ],
    ["model_config {", "model_config {", /^p\.config:10: model_config\.losses name no loss/],
  ])("is said: %s -> %s", (from, to, expected) => {
    const { warnings } = importPipeline(text.replace(from, to), "p.config");
    expect(
      warnings.some((warning) => expected.test(warning)),
      warnings.join("\n"),
    ).toBe(true);
  });

  it("is said once for all places", () => {
    const id = (name: string) =>
      `feature_configs { id_feature { feature_name: "${name}" num_buckets: 9 embedding_dim: 4 default_value: "3" } }\n`;
    const features = ["a", "b", "c", "d", "e", "f", "g", "h"].map(id).join("");
    const { warnings } = imported({ features, data: "fg_mode: FG_NONE" });
    expect(warnings.filter((warning) => warning.includes("default_value has no effect"))).toEqual([
      "p.config:9: feature_configs[2].id_feature.default_value has no effect with FG_NONE: set fg_encoded_default_value to the id of rows without ids (also in line 10, 11, 12, 13, 14 and 2 more)",
    ]);
  });
});

describe("defaults of encoded columns", () => {
  const id = 'feature_name: "x" num_buckets: 9 embedding_dim: 4';
  it.each([
    ["FG_NONE", `id_feature { ${id} default_value: "3" }`, "empty"],
    ["FG_NONE", `id_feature { ${id} default_value: "3" fg_encoded_default_value: "2" }`, { value: 2 }],
    ["FG_BUCKETIZE", `id_feature { ${id} default_value: "3" fg_encoded_default_value: "2" }`, { value: 3 }],
    ["FG_NONE", 'raw_feature { feature_name: "x" default_value: "3" fg_encoded_default_value: "2" }', 2],
    ["FG_BUCKETIZE", 'raw_feature { feature_name: "x" default_value: "3" fg_encoded_default_value: "2" }', 3],
    [
      "FG_BUCKETIZE",
      'raw_feature { feature_name: "x" default_value: "3" boundaries: [1, 4] embedding_dim: 4 }',
      3,
    ],
  ])("%s: %s", (mode, text, missing) => {
    expect(feature(text, `fg_mode: ${mode}`)).toMatchObject({ missing });
  });
});

describe("models", () => {
  it.each([
    ["nn.PReLU", { kind: "prelu", shared: true }],
    ["Dice", { kind: "dice", affine: false }],
    ["nn.LeakyReLU(negative_slope=0.3)", { kind: "leakyRelu", slope: 0.3 }],
    ["torch.nn.LeakyReLU()", "leakyRelu"],
  ])("have the activation %s", (name, activation) => {
    const model = `dcn_v2 { cross {} final { hidden_units: 4 activation: "${name}" } }`;
    expect(imported({ model }).config.model).toMatchObject({ final: { activation } });
  });

  it("take cross, deep and final of dcn_v1", () => {
    const model =
      "dcn_v1 { cross { cross_num: 2 } deep { hidden_units: 5 } final { hidden_units: 4 bias: false } }";
    expect(imported({ model }).config.model).toMatchObject({
      kind: "dcn",
      cross: { layers: 2 },
      deep: { hiddenUnits: [5] },
      final: { hiddenUnits: [4], bias: false },
    });
  });

  it("name the tables of every group there", () => {
    expect(imported({ group: 'embedding_name_suffix: "x"' }).suffixOf("embeddings")).toBe("_x");
    const wide = `feature_groups { group_name: "wide" group_type: WIDE feature_names: "i" embedding_name_suffix: "w" }
      feature_groups { group_name: "deep" group_type: DEEP feature_names: "i" embedding_name_suffix: "d" }`;
    const { suffixOf, config } = imported({
      model: "wide_and_deep { deep { hidden_units: 4 } }",
      more: wide,
    });
    expect(config.model).toMatchObject({ deep: { embeddingSuffix: "_d" }, wide: { followTrainable: true } });
    expect(["linear", "embeddings_d"].map(suffixOf)).toEqual(["_wide_w", "_d"]);
  });

  it("have dropout of features, where there are several", () => {
    const { config, warnings } = imported({
      data: "batch_size: 100",
      more: `variational_dropout { regularization_lambda: 0.5 embedding_wise_variational_dropout: true }
        feature_groups { group_name: "wide" group_type: WIDE feature_names: "i" }
        feature_groups { group_name: "deep" group_type: DEEP feature_names: ["n", "i"] }`,
      model: "wide_and_deep { deep { hidden_units: 4 } }",
    });
    expect(config.model).toMatchObject({ deep: { variationalDropout: { regularization: 0.005 } } });
    expect((config.model as { wide: object }).wide).not.toHaveProperty("variationalDropout");
    expect(warnings.join("\n")).toMatch(/embedding_wise_variational_dropout has no effect/);
  });

  it("have several ids in each entry of a sequence, with value_dim 0", () => {
    const { config } = imported({
      features: `feature_configs { sequence_feature { sequence_name: "s" sequence_length: 9 sequence_delim: ";"
        features { id_feature { feature_name: "a" expression: "u:a" num_buckets: 9 embedding_dim: 4 } }
        features { id_feature { feature_name: "b" expression: "u:b" num_buckets: 9 embedding_dim: 4 value_dim: 0 separator: "|" pooling: "mean" } } } }`,
      group:
        'sequence_groups { group_name: "g" feature_names: ["s__a", "s__b"] } sequence_encoders { pooling_encoder {} }',
    });
    expect(config.features[3]).toMatchObject({
      ...{ kind: "entryBags", name: "s__b", column: "s__b", sequence: "s" },
      ...{ separator: ";", idSeparator: "|", pooling: "mean", buckets: 9, dim: 4 },
    });
    expect(config.model).toMatchObject({ sequences: [{ kind: "pooling", columns: ["s__a", "s__b"] }] });
  });

  it("say that several classes have several wide numbers here", () => {
    const { warnings } = imported({
      model: "wide_and_deep { deep { hidden_units: 4 } }",
      more: `num_class: 3 losses { softmax_cross_entropy {} }
        feature_groups { group_name: "wide" group_type: WIDE feature_names: "i" }
        feature_groups { group_name: "deep" group_type: DEEP feature_names: "i" }`,
    });
    expect(warnings.join("\n")).toMatch(/one wide number per class/);
  });
});

describe("what is refused, with path and line, the model first", () => {
  type Refused = [what: string, parts: Parts, line: number, path: string];
  const idWith = (settings: string) =>
    `feature_configs { id_feature { feature_name: "x" num_buckets: 9 embedding_dim: 4 ${settings} } }`;
  const clicks = (encoder: string, settings = "", query = ""): Parts => ({
    features: `feature_configs { sequence_id_feature { feature_name: "c" expression: "u:c" num_buckets: 9 embedding_dim: 4 ${settings} } }`,
    group: `sequence_groups { group_name: "s" feature_names: [${query}"c"] } sequence_encoders { ${encoder} }`,
  });
  const broken: Parts = { train: "no_such: 1", data: "negative_sampler { input_path: 3 }" };
  it.each<Refused>([
    ["another model", { ...broken, model: "mmoe { }" }, 12, "model_config.mmoe"],
    ["steps and epochs", { train: "num_steps: 9" }, 3, "train_config.num_steps"],
    [
      "a constant id",
      { features: idWith('expression: "const:1"') },
      9,
      "feature_configs[2].id_feature.expression",
    ],
    ...["sphere_dist(a, a, a, a)", "1 + haversine (a, a, a, a)"].map(
      (text): Refused => [
        `a distance: ${text}`,
        {
          features: `feature_configs { expr_feature { feature_name: "x" variables: "u:a" expression: "${text}" } }`,
        },
        9,
        "feature_configs[2].expr_feature.expression",
      ],
    ),
    ["an unknown name", { train: "no_such: 1" }, 3, "train_config.no_such"],
    ["a value of another type", { train: 'num_steps: "a"' }, 3, "train_config.num_steps"],
    ["an unknown word", { data: "fg_mode: FG_X" }, 6, "data_config.fg_mode"],
    ["a negative count", { train: "log_step_count_steps: -1" }, 3, "train_config.log_step_count_steps"],
    ["a message as a number", { train: "grad_clipping: 3" }, 3, "train_config.grad_clipping"],
    [
      "two optimizers",
      { dense: "adam_optimizer {} sgd_optimizer {}" },
      4,
      "train_config.dense_optimizer.sgd_optimizer",
    ],
    [
      "amsgrad",
      { dense: "adam_optimizer { amsgrad: true }" },
      4,
      "train_config.dense_optimizer.adam_optimizer.amsgrad",
    ],
    [
      "a sampler",
      { data: 'fg_mode: FG_DAG negative_sampler { input_path: "a" num_sample: 3 item_id_field: "b" }' },
      6,
      "data_config.negative_sampler",
    ],
    [
      "a computed sequence",
      {
        features:
          'feature_configs { sequence_combo_feature { feature_name: "c" expression: "u:c" expression: "u:d" hash_bucket_size: 9 embedding_dim: 4 } }',
      },
      9,
      "feature_configs[2].sequence_combo_feature.feature_name",
    ],
    [
      "several values in an entry",
      clicks("pooling_encoder {}", "value_dim: 2"),
      9,
      "feature_configs[2].sequence_id_feature.value_dim",
    ],
    [
      "a sequence group without a sequence",
      {
        group:
          'sequence_groups { group_name: "s" feature_names: "i" } sequence_encoders { pooling_encoder {} }',
      },
      11,
      "model_config.feature_groups[0].sequence_groups[0].feature_names",
    ],
    [
      "a sequence group without an encoder",
      { group: 'sequence_groups { group_name: "s" feature_names: "i" }' },
      11,
      "model_config.feature_groups[0].sequence_groups",
    ],
    [
      "an encoder without a sequence group",
      { group: 'sequence_encoders { pooling_encoder { input: "s" } }' },
      11,
      "model_config.feature_groups[0].sequence_encoders",
    ],
    ...(
      [
        ["an unknown sequence group", 'pooling_encoder { input: "t" }', "pooling_encoder.input"],
        [
          "a maximum of an encoder",
          "pooling_encoder { max_seq_length: 9 }",
          "pooling_encoder.max_seq_length",
        ],
        ["an unknown pooling", 'pooling_encoder { pooling_type: "max" }', "pooling_encoder.pooling_type"],
        ["a query that is missing", "simple_attention {}", "simple_attention.input"],
        ["dropout of attention", "self_attention_encoder { dropout: 0.5 }", "self_attention_encoder.dropout"],
      ] as const
    ).map(
      ([what, encoder, path]): Refused => [
        what,
        clicks(encoder),
        11,
        `model_config.feature_groups[0].sequence_encoders[0].${path}`,
      ],
    ),
    ...(
      [
        ["batch normalization", "use_bn: true"],
        ["layer normalization", "use_ln: true"],
        ["dropout", "dropout_ratio: 0.5"],
        ["a layer without a bias", "bias: false"],
        ["Dice", 'activation: "Dice"'],
        ["a slope", 'activation: "nn.LeakyReLU(negative_slope=0.2)"'],
      ] as const
    ).map(
      ([what, setting]): Refused => [
        `${what} of entries`,
        clicks(`din_encoder { attn_mlp { hidden_units: 4 ${setting} } }`, "", '"i", '),
        11,
        `model_config.feature_groups[0].sequence_encoders[0].din_encoder.attn_mlp.${setting.split(":")[0]}`,
      ],
    ),
    ...(
      [
        ["a tower without a group", 'towers { input: "x" mlp { hidden_units: 4 } }', "towers[1].input"],
        ["two towers of one group", 'towers { input: "all" mlp { hidden_units: 4 } }', "towers[1].input"],
        [
          "a tower of a deep group as one of a sequence",
          'din_towers { input: "all" attn_mlp { hidden_units: 4 } }',
          undefined,
        ],
        [
          "towers of sequences with other tables",
          'din_towers { input: "s" attn_mlp { hidden_units: 4 } } din_towers { input: "t" attn_mlp { hidden_units: 4 } }',
          "din_towers[1].input",
        ],
      ] as const
    ).map(
      ([what, more, path]): Refused => [
        what,
        {
          features: clicks("pooling_encoder {}").features,
          model: `multi_tower_din { towers { input: "all" mlp { hidden_units: 4 } } ${more} final { hidden_units: 4 } }`,
          more: `feature_groups { group_name: "s" group_type: SEQUENCE feature_names: ["i", "c"] }
            feature_groups { group_name: "t" group_type: SEQUENCE feature_names: ["i", "c"] embedding_name_suffix: "t" }`,
        },
        path === undefined ? 11 : 12,
        path === undefined
          ? "model_config.feature_groups[0].group_type"
          : `model_config.multi_tower_din.${path}`,
      ],
    ),
    [
      "a mask of one column of a sequence",
      {
        data: "fg_mode: FG_DAG sample_mask_prob: 0.2",
        features: `feature_configs { sequence_feature { sequence_name: "s" sequence_length: 9 sequence_delim: ";"
          features { id_feature { feature_name: "a" expression: "u:a" num_buckets: 9 embedding_dim: 4 use_mask: true } }
          features { id_feature { feature_name: "b" expression: "u:b" num_buckets: 9 embedding_dim: 4 } } } }`,
      },
      6,
      "data_config.sample_mask_prob",
    ],
    [
      "an unknown feature",
      { group: 'feature_names: "x"' },
      11,
      "model_config.feature_groups[0].feature_names",
    ],
    [
      "a default without a row",
      {
        features:
          'feature_configs { id_feature { feature_name: "x" expression: "u:x" num_buckets: 9 embedding_dim: 4 default_value: "9" } }',
      },
      9,
      "feature_configs[2].id_feature.default_value",
    ],
    [
      "what only the converted config shows",
      { model: "dcn_v2 { cross {} final { hidden_units: 4 dropout_ratio: [0.1, 0.2] } }" },
      12,
      "model_config.dcn_v2.final.dropout_ratio",
    ],
    ...[
      "nn.init.uniform_,-0.01,0.01",
      "nn.init.normal_,stddev=0.01",
      "nn.init.uniform_,a=,b=1",
      "nn.init.uniform_,a=0,a=1",
      "nn.init.zeros_,val=1",
      "nn.init.constant_",
      "nn.init.xavier_uniform_,std=1",
    ].map(
      (init): Refused => [
        `an initializer with other parameters: ${init}`,
        { features: idWith(`init_fn: "${init}"`) },
        9,
        "feature_configs[2].id_feature.init_fn",
      ],
    ),
    ...["zscore,mean=1,std=2", "minmax,min=0,max=1,mean=1", "log10,treshold=1"].map(
      (method): Refused => [
        `a normalizer with other parameters: ${method}`,
        { features: `feature_configs { raw_feature { feature_name: "x" normalizer: "method=${method}" } }` },
        9,
        "feature_configs[2].raw_feature.normalizer",
      ],
    ),
    ...["zscore,mean=1,standard_deviation=0", "minmax,min=2,max=2"].map(
      (method): Refused => [
        `a division by 0: ${method}`,
        { features: `feature_configs { raw_feature { feature_name: "x" normalizer: "method=${method}" } }` },
        9,
        "feature_configs[2].raw_feature.normalizer",
      ],
    ),
    ...[
      'vocab_list: ["a", "b"] default_bucketize_value: 2',
      'vocab_dict { key: "a" value: 2 } default_bucketize_value: 3',
    ].map(
      (settings): Refused => [
        `an unknown word outside the table: ${settings}`,
        { features: idWith(settings).replace("num_buckets: 9", "") },
        9,
        "feature_configs[2].id_feature.default_bucketize_value",
      ],
    ),
    [
      "a word twice",
      { features: idWith('vocab_list: ["a", "b", "a"]').replace("num_buckets: 9", "") },
      9,
      "feature_configs[2].id_feature.vocab_list",
    ],
    [
      "a schedule below 0",
      { dense: "adam_optimizer {} cosine_annealing_learning_rate { T_max: 3 min_learning_rate: -1 }" },
      4,
      "train_config.dense_optimizer.cosine_annealing_learning_rate.min_learning_rate",
    ],
    [
      "an embedded number in a wide group",
      {
        features: 'feature_configs { raw_feature { feature_name: "x" embedding_dim: 4 mlp {} } }',
        more: `feature_groups { group_name: "deep" group_type: DEEP feature_names: "i" }
          feature_groups { group_name: "wide" group_type: WIDE feature_names: ["i",
          "x"] }`,
        model: "deepfm { deep { hidden_units: 4 } }",
      },
      15,
      "model_config.feature_groups[2].feature_names",
    ],
  ])("%s", (_, parts, line, path) => {
    const { message, report } = refusal(parts);
    expect(message.startsWith(`p.config:${line}: ${path}: `), message).toBe(true);
    if (report.next !== undefined) expect(report.next).toMatch(/^[A-Z].*\.$/);
  });

  it.each<Parts>([
    { dense: "adam_optimizer { weight_decay: -0.1 }" },
    { dense: "adamw_optimizer { weight_decay: -0.1 }" },
    { sparse: "rowwise_adagrad_optimizer { weight_decay: -0.1 weight_decay_mode: L2 }" },
    { sparse: "rowwise_adagrad_optimizer { weight_decay: -0.1 weight_decay_mode: DECOUPLE }" },
    { sparse: "lamb_optimizer { weight_decay: -0.1 }" },
    { more: "losses { binary_cross_entropy { label_smoothing: -0.1 } }" },
    { more: "num_class: 2 losses { softmax_cross_entropy { label_smoothing: -0.1 } }" },
    { model: "dcn_v2 { cross {} final { hidden_units: 4 dropout_ratio: -0.1 } }" },
  ])("a number below 0: %j", (parts) => {
    expect(refusal(parts).message).toMatch(/^p\.config:\d+: /);
  });

  it.each([
    ["two groups of one name", 'group_name: "deep" group_type: DEEP feature_names: "i"', "group_name"],
    ["a wide group of type DEEP", 'group_name: "wide" group_type: DEEP feature_names: "i"', "group_type"],
    ["a wide group without a type", 'group_name: "wide" feature_names: "i"', "group_type"],
    ["a deep group of type WIDE", 'group_name: "fm" group_type: WIDE feature_names: "i"', "group_type"],
  ])("%s", (_, settings, name) => {
    const wide = settings.includes('"wide"')
      ? ""
      : 'feature_groups { group_name: "wide" group_type: WIDE feature_names: "i" }';
    const more = `feature_groups { group_name: "deep" group_type: DEEP feature_names: "i" } ${wide}
      feature_groups { ${settings} }`;
    const { message } = refusal({ more, model: "deepfm { deep { hidden_units: 4 } }" });
    expect(message).toMatch(new RegExp(`^p\\.config:14: model_config\\.feature_groups\\[\\d\\]\\.${name}: `));
  });

  it("names the first of several in the file", () => {
    const features =
      'feature_configs { kv_dot_product { feature_name: "x" query: "u:q" document: "u:d" kv_delimiter: 2 } }';
    const data = 'fg_mode: FG_DAG hard_negative_sampler { hard_neg_edge_input_path: "a" }';
    expect(refusal({ features, data, model: `${MODEL} no_such: 1` }).message).toMatch(/^p\.config:12: /);
    expect(refusal({ features }).message).toMatch(
      /^p\.config:9: feature_configs\[2\]\.kv_dot_product\.kv_delimiter/,
    );
    expect(refusal({ features, data }).message).toMatch(/^p\.config:6: data_config\.hard_negative_sampler/);
  });

  it.each([
    ["train_config {\n num_steps: 3\n", 1, "this bracket is not closed"],
    ["a: 1\ntrain_config {\n dense_optimizer <\n\n num_steps: 3\n", 3, "this bracket is not closed"],
    ["train_config {\n num_steps: 3 >\n}", 2, "this is not valid protobuf text"],
    ["train_config {\n}\n}", 3, "this is not valid protobuf text"],
    ["data_config {\n label_fields: ['a',\n 'b' }", 3, "this is not valid protobuf text"],
    ["data_config {\n label_fields: [\n'a', 'b'", 2, "this bracket is not closed"],
    ["data_config {\n batch_size:\n}", 3, "the value of batch_size is missing"],
    ['data_config {\n delimiter: "a\n}', 2, "the quoted text has no end"],
    ["data_config {\n 3: 4 }", 2, "this is not valid protobuf text"],
  ])("names the line of what is no protobuf text: %j", (text, line, what) => {
    expect(() => importPipeline(text, "p.config")).toThrow(new RegExp(`^p\\.config:${line}: ${what}`));
  });
});

describe("a config as TorchEasyRec reads it", () => {
  it("has the last value of a setting that is set again, with a warning, and messages in parts", () => {
    const { config, warnings } = imported({
      data: "fg_mode: FG_DAG batch_size: 1\nbatch_size: 2",
      root: 'train_config { save_checkpoints_steps: 7 } data_config { label_fields: "z" }',
    });
    expect(config.train).toMatchObject({ batchSize: 2, evaluateEvery: 7, epochs: 1 });
    expect(config.data.label).toBe("y");
    expect(warnings).toContainEqual("p.config:7: data_config.batch_size is set again: the last value counts");
    const wrong = refusal({ root: "train_config { save_checkpoints_steps: 7\nnum_epochs: -1 }" });
    expect(wrong.message).toMatch(/^p\.config:15: train_config\.num_epochs/);
  });

  it("warns of a key of a map that stands twice, by its line", () => {
    const entries =
      'vocab_dict { key: "a" value: 2 } vocab_dict { key: "b" value: 3 }\nvocab_dict { key: "a" value: 4 }';
    const features = `feature_configs { id_feature { feature_name: "x" expression: "u:x" embedding_dim: 4 ${entries} } }`;
    const { config, warnings } = imported({ features });
    expect(warnings.filter((text) => text.includes("again"))).toEqual([
      expect.stringMatching(
        /^p\.config:\d+: feature_configs\[2\]\.id_feature\.vocab_dict has the key "a" again: the last/,
      ),
    ]);
    expect(config.features).toContainEqual(expect.objectContaining({ name: "x", vocabulary: ["b", "a"] }));
  });

  it.each([
    [
      'separator: "|" vocab_list: ["a", "b"] default_value: "a|b"',
      "default_value: a default of several ids",
      '"a|b"',
    ],
    [
      'vocab_dict { key: "a" value: 2 } default_value: "a\\x1db"',
      "default_value: a default of several ids",
      "u001d",
    ],
    [
      'separator: "|" hash_bucket_size: 9 default_value: "a|b"',
      "default_value: a default of several ids",
      "one id",
    ],
    ['num_buckets: 9 default_value: "12"', "default_value: this id has no row", 'got: +"12"'],
    ["vocab_dict {}", "vocab_dict: an entry has no key", 'key: "word" value: 2'],
    ["hash_bucket_size: 0", "hash_bucket_size: a value is out of range", "next: +Set it to a number above 0"],
  ])("refuses the ids of %s", (ids, what, rest) => {
    const features = `feature_configs { id_feature { feature_name: "x" expression: "u:x" embedding_dim: 4 ${ids} } }`;
    const { message } = refusal({ features, data: "fg_mode: FG_DAG" });
    expect(message).toContain(what);
    expect(message).toMatch(new RegExp(rest));
  });

  it("may have pieces of text, also with comments between them", () => {
    const pieces = `delimiter: "," # one\n'' fg_mode: FG_DAG`;
    const csv = config({ data: pieces }).replace("Parquet", "Csv");
    expect(importPipeline(csv, "p").config.data.train).toMatchObject({ format: "csv" });
  });

  const fixtures = ["", "every/"].flatMap((folder) => {
    const url = new URL(`./fixtures/${folder}`, import.meta.url);
    const names = readdirSync(url).filter((name) => name.endsWith(".config") && name !== "features.config");
    return names.map((name) => new URL(name, url));
  });
  it.each(fixtures.map(({ pathname }) => pathname))("has the same meaning in JSON: %s", (path) => {
    const features = path.includes("/every/")
      ? readFileSync(path.replace(/\w+\.config$/, "features.config"), "utf8")
      : "";
    const text = `${readFileSync(path, "utf8")}${features}`.replaceAll(
      "ASSETS",
      new URL("./fixtures/every", import.meta.url).pathname,
    );
    const message = fromText(pipelineSchema, text);
    const whole = importPipeline(text, "p.config");
    for (const useProtoFieldName of [true, false]) {
      const json = toJsonString(pipelineSchema, message, { useProtoFieldName, prettySpaces: 2 });
      expect(importPipeline(json, "p.json").input).toEqual(whole.input);
    }
  });

  it("is refused in JSON by line, path and type too", () => {
    const json = (text: string) => () => importPipeline(text, "p.json");
    expect(json('{\n "trainConfig": {\n  "numEpochs": 1,\n }\n}')).toThrow(
      /^p\.json:4: this is not a JSON object/,
    );
    expect(json("[]")).toThrow(/^p\.json:1: this is not a JSON object/);
    expect(json('{ "trainConfig": {\n "noSuch": 1 } }')).toThrow(/^p\.json:2: train_config\.noSuch: /);
    expect(json('{ "trainConfig": {\n "numSteps": "a" } }')).toThrow(/^p\.json:2: train_config\.num_steps: /);
    expect(json('{ "dataConfig": null, "trainConfig": {\n "numSteps": null } }')).toThrow(
      /p\.json:1: data_config/,
    );
  });
});
