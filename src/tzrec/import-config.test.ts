import "../index.js";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importPipeline } from "./import-config.js";
import { ImportError } from "./import-error.js";
import { expectToTrain } from "./testing.js";

const fixtures = new URL("./fixtures/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "pairloom-import-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const names = readdirSync(fixtures)
  .filter((name) => name.endsWith(".config"))
  .map((name) => name.slice(0, -".config".length));

/** A fixture whose files lie in the test's folder. */
function fixture(name: string): string {
  const text = readFileSync(join(fixtures, `${name}.config`), "utf8");
  return text.replaceAll(/"(train|valid|words)\.(parquet|csv|txt)"/g, (_, stem, extension) =>
    JSON.stringify(join(folder, name === "raw" ? `raw-${stem}.${extension}` : `${stem}.${extension}`)),
  );
}

beforeAll(async () => {
  const duck = await (await DuckDBInstance.create()).connect();
  const copy = (sql: string, file: string) =>
    duck.run(`COPY (${sql}) TO '${join(folder, file)}' (FORMAT parquet)`);
  for (const split of ["train", "valid"]) {
    const encoded = "i % 10 AS cat_0, i % 7 AS cat_1, (i * 3) % 7 AS cat_2";
    const numbers = "i / 8.0 AS int_0, CASE WHEN i % 5 > 0 THEN i % 3 END AS int_1, i % 2 AS label";
    const click = ["cat_0", "cat_1", "int_0"]
      .map((name) => `[i % 7, 3][: i % 3] AS click__${name}`)
      .join(", ");
    const sequences = `${click}, [i % 7, 3] AS visit`;
    await copy(`SELECT ${encoded}, ${sequences}, ${numbers} FROM range(64) t(i)`, `${split}.parquet`);
    const raw = "i % 50 AS cat_0, 'v' || i % 9 AS cat_1, chr((97 + i % 4)::INTEGER) AS cat_2";
    await copy(`SELECT ${raw}, ${numbers} FROM range(64) t(i)`, `raw-${split}.parquet`);
    writeFileSync(join(folder, `${split}.csv`), csv());
  }
  writeFileSync(join(folder, "words.txt"), "red\nblue\nshoe\n");
});

function csv(): string {
  const header = "label;weight;city;tags;scores;age;price;clicks;nested;query;title";
  const lines = Array.from({ length: 64 }, (_, i) => {
    const city = i % 2 ? "oslo" : "rome";
    const clicks = `oslo:${i}\x1drome:2.5`;
    const nested = `oslo^a:0.5,b:${i % 3}|rome^c:1`;
    return `${i % 2};${1 + (i % 2)};${city};a|${i % 3 ? "b" : "z"};a:${i / 8}|z;${20 + i};${i / 4};${clicks};${nested};red shoe;a red hat`;
  });
  return `${[header, ...lines].join("\n")}\n`;
}

describe("a pipeline config of TorchEasyRec", () => {
  it.each(names)("%s: the file that is written trains as it stands", async (name) => {
    await expectToTrain(importPipeline(fixture(name), "pipeline.config"), join(folder, name), 64);
  });

  it("keeps meanings: numbers, schedules, tables", () => {
    const { config } = importPipeline(fixture("raw"), "pipeline.config");
    const [int0, int1, cat0, cat1, cat2] = config.features;
    // A missing number is default_value (0) after the formula there, so before it here: log(-2 + 3) = 0.
    expect(int0).toMatchObject({ kind: "number", normalize: { expression: "log(x+3)" }, missing: -2 });
    // (2 - 2) / 4 = 0
    expect(int1).toMatchObject({ normalize: { mean: 2, std: 4 }, missing: 2 });
    expect(cat0).toMatchObject({ kind: "ids", buckets: 50, dim: 8, missing: "empty" });
    expect(cat1).toMatchObject({ hash: 40, separator: "\x1d" });
    expect(cat2).toMatchObject({ kind: "id", vocabulary: ["a", "b", "c"], missing: { value: "a" } });
    expect(config.train).toMatchObject({
      batchSize: 16,
      epochs: 1,
      optimizer: {
        dense: {
          kind: "adam",
          learningRate: 0.001,
          schedule: {
            kind: "exponential",
            rate: 0.5,
            steps: 100,
            staircase: true,
            warmup: { length: 10, from: 0 },
          },
        },
        embedding: { kind: "adagrad", learningRate: 0.001 },
      },
    });
  });

  it.each([
    ["lars_sgd_optimizer { lr: 0.5 momentum: 0.8 weight_decay: 0.01 }", { kind: "larsSgd", momentum: 0.8 }],
    ["lars_sgd_optimizer { lr: 0.5 weight_decay: 0.01 }", { kind: "larsSgd", momentum: 0.9, eta: 0.001 }],
    ["lamb_optimizer { lr: 0.5 beta1: 0.8 weight_decay: 0.01 }", { kind: "lamb", beta1: 0.8 }],
    [
      "partial_rowwise_lamb_optimizer { lr: 0.5 beta2: 0.99 weight_decay: 0.01 }",
      { kind: "partialRowWiseLamb", beta2: 0.99 },
    ],
  ])("maps %s", (text, settings) => {
    const source = fixture("dlrm").replace(
      /(sparse_optimizer\s*\{\s*)\w+_optimizer\s*\{[^}]*\}/,
      `$1${text}`,
    );
    expect(source).toContain(text);
    const { config } = importPipeline(source, "pipeline.config");
    const wanted = { learningRate: 0.5, weightDecay: 0.01, ...settings };
    expect(config.train.optimizer.embedding).toMatchObject(wanted);
  });

  const replaced = (pairs: readonly (readonly [string, string])[]): string =>
    pairs.reduce((text, [from, to]) => {
      expect(text).toContain(from);
      return text.replace(from, to);
    }, fixture("dlrm"));
  const LOSS = "losses { binary_cross_entropy {} }";

  it.each([
    [1, "", { kind: "binaryCrossEntropy", labelSmoothing: 0 }, "auc"],
    [
      3,
      "losses { softmax_cross_entropy { label_smoothing: 0.1 } }",
      { kind: "softmaxCrossEntropy", classes: 3, labelSmoothing: 0.1 },
      "auc",
    ],
    [
      2,
      "losses { softmax_cross_entropy {} }",
      { kind: "softmaxCrossEntropy", classes: 2, labelSmoothing: 0 },
      "auc",
    ],
    [
      2,
      'losses { jrc_loss { session_name: "cat_0" alpha: 0.7 } }',
      { kind: "jrc", session: "cat_0_group", alpha: 0.7 },
      "auc",
    ],
    [1, "losses { l2_loss {} }", { kind: "squaredError" }, "meanSquaredError"],
  ])("maps num_class %i with %s", (classes, loss, wanted, metric) => {
    const text = replaced([
      ["num_class: 1", `num_class: ${classes}`],
      [LOSS, loss],
    ]);
    const { train } = importPipeline(text, "pipeline.config").config;
    expect([train.loss, train.metric]).toEqual([wanted, metric]);
  });

  it("takes the ids of sessions and groups one a row, from the column of the feature", () => {
    const text = replaced([
      ["num_class: 1", "num_class: 2"],
      [LOSS, 'losses { jrc_loss { session_name: "cat_0" } }'],
      ["metrics { auc {} }", 'metrics { auc {} } metrics { grouped_auc { grouping_key: "cat_0" } }'],
    ]);
    const { features, train } = importPipeline(text, "pipeline.config").config;
    expect(train.groups!.by).toBe("cat_0_group");
    expect(features.filter(({ name }) => name.startsWith("cat_0"))).toMatchObject([
      { kind: "ids", name: "cat_0" },
      { kind: "id", name: "cat_0_group", column: "cat_0", buckets: 10 },
    ]);
    const number = text.replace('session_name: "cat_0"', 'session_name: "int_0"');
    expect(() => importPipeline(number, "pipeline.config")).toThrow(/session_name[\s\S]*id_feature/);
  });

  it("fades metrics of training: half after as many rows as halve there", () => {
    const metrics = "metrics { auc {} } train_metrics { auc {} decay_rate: 0.5 decay_step: 30 }";
    const { config } = importPipeline(replaced([["metrics { auc {} }", metrics]]), "pipeline.config");
    expect(config.train.metricsHalfLife).toBe(30 * 16);
    const defaults = metrics.replace("decay_rate: 0.5 decay_step: 30", "");
    const other = importPipeline(replaced([["metrics { auc {} }", defaults]]), "pipeline.config").config;
    // 0.9^(rows / (100 steps x 16)) = 1/2
    expect(0.9 ** (other.train.metricsHalfLife! / 1600)).toBeCloseTo(0.5, 4);
  });

  it("takes every metric with a counterpart; thresholds are refused", () => {
    const metrics = (text: string) => replaced([["metrics { auc {} }", text]]);
    const known =
      'metrics { multiclass_auc { average: "weighted" } } metrics { accuracy { threshold: 0.5 } }';
    importPipeline(metrics(known), "pipeline.config");
    expect(() =>
      importPipeline(metrics("metrics { accuracy { threshold: 0.7 } }"), "pipeline.config"),
    ).toThrow(/accuracy\.threshold/);
  });

  it("reads the first of several label columns, with a warning, and keeps the order of the rows", () => {
    const labels = 'label_fields: "label" label_fields: "buy" shuffle: false';
    const { config, warnings } = importPipeline(
      replaced([['label_fields: "label"', labels]]),
      "pipeline.config",
    );
    expect(config.data.label).toBe("label");
    expect(config.train.shuffle).toBe(false);
    expect(warnings.some((warning) => /label_fields .*uses the first: label/.test(warning))).toBe(true);
  });

  it("clips gradients of tables, with a warning", () => {
    const text = fixture("dlrm").replace(
      "adagrad_optimizer { lr: 0.001 }",
      "adagrad_optimizer { lr: 0.001 gradient_clipping: true max_gradient: 0.5 }",
    );
    const { config, warnings } = importPipeline(text, "pipeline.config");
    expect(config.train.clip).toEqual({ embedding: { value: 0.5 } });
    expect(warnings.some((warning) => warning.includes("gradient_clipping"))).toBe(true);
  });

  it("shares a table with the feature that names it by default", () => {
    const { config } = importPipeline(fixture("dlrm"), "pipeline.config");
    const tables = config.features.map((feature) => (feature as { embedding?: string }).embedding);
    expect(tables).toEqual([undefined, undefined, undefined, "cat_1_emb", "cat_1_emb"]);
  });

  it("takes columns as features where they are encoded, and as inputs where they are not", () => {
    const text = fixture("raw");
    const kindOf = (mode: string) => {
      const { config } = importPipeline(text.replace("FG_DAG", mode), "pipeline.config");
      return config.features.map((feature) => ({ ...feature, dim: undefined }));
    };
    expect(kindOf("FG_NONE")).toMatchObject([
      // Numbers are normalized already, and hashes and words are the rows of tables of 40 and 3 + 2 rows.
      { kind: "number", missing: 0 },
      { kind: "number", missing: 0 },
      { kind: "ids", buckets: 50, separator: "\x03" },
      { kind: "ids", buckets: 40 },
      { kind: "ids", buckets: 5 },
    ]);
    expect(kindOf("FG_BUCKETIZE")).toMatchObject([
      {},
      {},
      { buckets: 50 },
      { hash: 40 },
      { vocabulary: ["a", "b", "c"] },
    ]);
  });

  it("takes the data_type of tables, and refuses one that there is not", () => {
    const text = fixture("dlrm");
    const withType = (name: string) =>
      importPipeline(
        text.replace(
          "num_buckets: 10 embedding_dim: 4",
          `num_buckets: 10 embedding_dim: 4 data_type: "${name}"`,
        ),
        "p",
      ).config.features.find(({ name }) => name === "cat_0");
    expect(withType("BF16")).toMatchObject({ name: "cat_0", dtype: "bf16" });
    expect(withType("FP16")).toMatchObject({ dtype: "fp16" });
    expect(withType("FP32")).not.toHaveProperty("dtype");
    expect(() => withType("INT8")).toThrow(/data_type[\s\S]*FP32, FP16, BF16/);
  });

  it("keeps the weights of ids", () => {
    const given = 'feature_name: "tags"';
    const weighted = (more: string, mode = "FG_DAG") =>
      importPipeline(
        fixture("kinds").replace(given, `${given} weighted: true ${more}`).replace("FG_DAG", mode),
        "pipeline.config",
      ).config.features[1];
    const tags = { kind: "ids", name: "tags", weighted: true, pooling: "mean" };
    expect(weighted("")).toMatchObject({ ...tags, column: "tags", separator: "|", missing: "empty" });
    expect(weighted('default_value: "b"')).toMatchObject({ ...tags, missing: { value: "b" } });
    expect(weighted('default_value: "z"')).toMatchObject({ ...tags, missing: { value: "z" } });
    expect(weighted("", "FG_NONE")).toMatchObject({ ...tags, buckets: 5, separator: "\x03" });
    const encoded = weighted('fg_encoded_default_value: "2"', "FG_NONE");
    expect(encoded).toMatchObject({ ...tags, buckets: 5, missing: { value: 2 } });
  });

  it("turns a warm-up of manual steps into one that ends at the first rate", () => {
    const text = fixture("dlrm").replace(
      "constant_learning_rate {} }\n    num_epochs",
      "manual_step_learning_rate { schedule_sizes: [10, 30] learning_rates: [0.01, 0.002] warmup: true } }\n    num_epochs",
    );
    expect(importPipeline(text, "p").config.train.optimizer.dense).toMatchObject({
      learningRate: 0.01,
      schedule: {
        kind: "manual",
        boundaries: [21],
        learningRates: [0.002],
        warmup: { length: 10, from: 0.001 },
      },
    });
  });

  it("takes the wide group's initializer, and the suffix of a group's tables", () => {
    const text = fixture("deepfm")
      .replace(/deepfm \{/, 'deepfm { wide_embedding_dim: 8 wide_init_fn: "nn.init.normal_,std=0.02"')
      .replace(/group_name: "deep"/, '$& embedding_name_suffix: "deep"');
    const { config } = importPipeline(text, "pipeline.config");
    expect(config.model).toMatchObject({
      wide: { embeddingDim: 8, initializer: { kind: "normal", std: 0.02 } },
      deep: { embeddingSuffix: "_deep" },
    });
  });

  it("takes a tokenizer.json, its rows by token id, and the text normalizer's steps", () => {
    const file = fileURLToPath(new URL("../features/fixtures/word_piece.tokenizer.json", import.meta.url));
    const words = 'vocab_file: "words.txt"';
    const subwords = (more: string) => {
      const text = fixture("kinds").replace(words.replace("words.txt", join(folder, "words.txt")), more);
      return importPipeline(text, "pipeline.config");
    };
    const normalizer = "text_normalizer { norm_options: [TEXT_UPPER2LOWER, TEXT_SBC2DBC] }";
    const { config, features } = subwords(`vocab_file: ${JSON.stringify(file)} ${normalizer}`);
    const title = config.features.find(({ name }) => name === "title_words");
    expect(title).toMatchObject({
      kind: "tokenize",
      tokenizer: { file },
      normalizeText: ["lowercase", "halfWidth"],
    });
    const { rows, order } = features.find((feature) => feature.config.name === "title_words")!.table!;
    expect(rows).toBe(170);
    expect(order).toEqual(Array.from({ length: 170 }, (_, id) => id));
    expect(() => subwords(`vocab_file: ${JSON.stringify(file)} text_normalizer {}`)).toThrow(/TEXT_FILTER/);
    expect(() => subwords('vocab_file: "sp.model"')).toThrow(/Convert it/);
  });

  const numbersOf = (settings: string, group: string) => {
    const text = readFileSync(join(fixtures, "raw.config"), "utf8")
      .replace('"user:int_1"', `"user:int_1" ${settings}`)
      .replace('["int_0", "int_1"]', '["int_0"]')
      .replace(/feature_names: "cat_0"/, `feature_names: "cat_0" ${group}`);
    return importPipeline(text, "pipeline.config").config.features.find(({ name }) => name === "int_1");
  };

  it.each([
    ["mlp {}", { kind: "mlp", dim: 8 }],
    ["autodis { num_channels: 3 }", { kind: "autoDis", dim: 8, channels: 3, temperature: 0.1, keep: 0.8 }],
    [
      "autodis { num_channels: 4 temperature: 0.5 keep_prob: 0.25 }",
      { kind: "autoDis", dim: 8, channels: 4, temperature: 0.5, keep: 0.25 },
    ],
  ])("gives a number the embedding that it has there: %s", (setting, denseEmbedding) => {
    const feature = numbersOf(`embedding_dim: 8 ${setting}`, 'feature_names: "int_1"');
    expect(feature).toMatchObject({ kind: "number", normalize: { mean: 2, std: 4 }, denseEmbedding });
  });

  const idsOf = (setting: string) => {
    const text = readFileSync(join(fixtures, "dlrm.config"), "utf8").replace(
      '"cat_0" num_buckets: 10',
      `"cat_0" ${setting}`,
    );
    return importPipeline(text, "pipeline.config").config.features.find(({ name }) => name === "cat_0");
  };

  it.each([
    ["dynamicemb { max_capacity: 100 }", { capacity: 100, evict: "lru" }, { kind: "uniform", range: 0.1 }],
    [
      'dynamicemb { max_capacity: 9 score_strategy: "LFU" initializer_args { mode: "NORMAL" } frequency_admission_strategy { threshold: 5 } }',
      { capacity: 9, evict: "lfu", admit: { count: 5 } },
      { kind: "normal", std: 0.5 },
    ],
    [
      'dynamicemb { max_capacity: 9 initializer_args { mode: "UNIFORM" lower: -1 upper: 3 } eval_initializer_args { mode: "CONSTANT" value: 0.5 } }',
      { capacity: 9, evict: "lru", unknown: { kind: "constant", value: 0.5 } },
      { kind: "uniform", range: 2, mean: 1 },
    ],
    [
      "zch { zch_size: 8 eviction_interval: 1 lfu {} }",
      { capacity: 7, evict: "lfu", unknown: "shared" },
      undefined,
    ],
    [
      'dynamicemb { max_capacity: 9 score_strategy: "STEP" init_table: "t.parquet" initializer_args { mode: "CONSTANT" value: 0 } }',
      { capacity: 9, evict: "lru", seedFrom: "t.parquet" },
      { kind: "constant", value: 0 },
    ],
    [
      "zch { zch_size: 8 eviction_interval: 1 lru { decay_exponent: 2 } }",
      { capacity: 7, evict: "lru", unknown: "shared" },
      undefined,
    ],
  ])("makes a dynamic table of %s", (setting, dynamic, initializer) => {
    const feature = idsOf(setting) as { dynamic?: unknown; initializer?: unknown };
    expect(feature.dynamic).toMatchObject({ unknown: "zero", ...dynamic });
    expect(feature.initializer).toEqual(initializer);
    expect(feature).not.toHaveProperty("buckets");
  });

  it.each([
    ["dynamicemb { max_capacity: 9 frequency_admission_strategy { threshold: 5 } }", "threshold: batches"],
    ['dynamicemb { max_capacity: 9 score_strategy: "NO_EVICTION" }', "score_strategy"],
    ['dynamicemb { max_capacity: 9 init_table: "odps://p/tables/t" }', "init_table"],
    ['dynamicemb { max_capacity: 9 init_table: "t/*.parquet" }', "init_table"],
    ['dynamicemb { max_capacity: 9 initializer_args { mode: "TRUNCATED_NORMAL" } }', "initializer_args"],
    ['dynamicemb { max_capacity: 9 eval_initializer_args { mode: "UNIFORM" } }', "eval_initializer_args"],
    ["zch { zch_size: 8 lfu {} }", "zch_size: rows that are given out every few steps"],
    ["zch { zch_size: 8 eviction_interval: 1 distance_lfu {} }", "distance_lfu"],
    [
      'zch { zch_size: 8 eviction_interval: 1 lfu {} threshold_filtering_func: "lambda x: (x > 10, 10)" }',
      "threshold",
    ],
    ["zch { zch_size: 8 eviction_interval: 1 lfu {} } num_buckets: 3", "cannot be used together"],
  ])("refuses what has another meaning here: %s", (setting, message) => {
    expect(catchError(() => idsOf(setting)).message).toMatch(/^pipeline\.config:13: /);
    expect(catchError(() => idsOf(setting)).message).toContain(message);
  });

  it("warns of what only their cluster has", () => {
    const { warnings } = importPipeline(fixture("dlrm"), "pipeline.config");
    expect(warnings.some((warning) => /^pipeline\.config:10: data_config\.num_workers /.test(warning))).toBe(
      true,
    );
  });

  it.each([
    [
      "a setting that TorchEasyRec has and Pairloom not",
      'feature_name: "cat_0" num_buckets: 10',
      'feature_name: "cat_0" zch { zch_size: 3 }',
      13,
      "feature_configs[2].id_feature.zch",
    ],
    [
      "an embedding of a number without a dimension",
      'feature_name: "int_0"',
      'feature_name: "int_0" autodis { num_channels: 3 }',
      11,
      "feature_configs[0].raw_feature.embedding_dim",
    ],
    [
      "an autodis embedding of several numbers",
      'feature_name: "int_0"',
      'feature_name: "int_0" value_dim: 2 embedding_dim: 8 autodis { num_channels: 3 }',
      11,
      "feature_configs[0].raw_feature.autodis",
    ],
    ["a name that nobody knows", "num_epochs: 1", "num_epochs: 1\n no_such: 3", 8, "train_config.no_such"],
    ["a model", "dlrm {", "multi_tower {", 19, "model_config.multi_tower"],
    [
      "a setting of an optimizer",
      "adagrad_optimizer { lr: 0.001 }",
      "rowwise_adagrad_optimizer { lr: 0.001 weight_decay: 0.1 weight_decay_mode: DECOUPLE }",
      5,
      "weight_decay_mode",
    ],
    ["a kind of feature", "raw_feature", "custom_feature", 11, "custom_feature"],
    [
      "classes that do not fit the loss",
      "binary_cross_entropy {}",
      "softmax_cross_entropy {}",
      20,
      "num_class",
    ],
    ["a metric", "metrics { auc {} }", "metrics { recall_at_k {} }", 21, "recall_at_k"],
  ])("refuses %s, with path and line", (_, from, to, line, path) => {
    const text = readFileSync(join(fixtures, "dlrm.config"), "utf8").replace(from, to);
    const error = catchError(() => importPipeline(text, "pipeline.config"));
    expect(error).toBeInstanceOf(ImportError);
    expect(error.message).toContain(path);
    expect(error.message).toMatch(new RegExp(`^pipeline\\.config:${line}: `));
  });

  it("refuses what is no protobuf text", () => {
    expect(() => importPipeline("train_config {", "pipeline.config")).toThrow(/this bracket is not closed/);
  });
});

function catchError(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}
