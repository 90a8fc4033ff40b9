import { expect, it } from "vitest";
import { importPipeline } from "./import-config.js";
import { ImportError } from "./import-error.js";

/* A wrong value is named by its own path and line, also where only the converted config shows that it is wrong. */

const TEXT = `train_input_path: "d.csv"
train_config {
  sparse_optimizer {
    adam_optimizer {
      beta1: 0.5
    }
  }
  dense_optimizer {
    adam_optimizer {
      lr: 0.01
      beta2: 0.75
      weight_decay: 0.0
    }
    exponential_decay_learning_rate {
      decay_size: 5
      decay_factor: 0.9
    }
    ema {
      decay: 0.625
    }
    part_optimizers {
      regex_pattern: "model.*"
      sgd_optimizer {
        lr: 0.125
        momentum: 0.25
      }
    }
  }
  num_epochs: 1
  grad_clipping {
    clipping_type: "norm"
    max_gradient: 1.5
  }
}
data_config {
  batch_size: 32
  dataset_type: CsvDataset
  delimiter: ";"
  fg_mode: FG_DAG
  label_fields: "label"
}
feature_configs {
  id_feature {
    feature_name: "a"
    hash_bucket_size: 10
    embedding_dim: 6
    pooling: "sum"
  }
}
feature_configs {
  raw_feature {
    feature_name: "n"
    embedding_dim: 4
    autodis {
      num_channels: 7
      temperature: 0.3
    }
  }
}
feature_configs {
  raw_feature {
    feature_name: "r"
    boundaries: [1, 2]
    embedding_dim: 8
  }
}
model_config {
  feature_groups {
    group_name: "deep"
    feature_names: "a"
    feature_names: "n"
    group_type: DEEP
  }
  dcn_v2 {
    cross {
      cross_num: 2
      low_rank: 3
    }
    deep {
      hidden_units: [11, 5]
      dropout_ratio: [0.1, 0.2]
    }
    final {
      hidden_units: 4
    }
  }
  losses {
    binary_focal_loss {
      gamma: 2
      alpha: 0.35
    }
  }
}
`;

it("the config without an error is imported", () => {
  expect(importPipeline(TEXT, "p").config.model.kind).toBe("dcnV2");
});

it.each([
  ["beta1: 0.5", "beta1: 1.5"],
  ["lr: 0.01", "lr: -1"],
  ["beta2: 0.75", "beta2: 2"],
  ["weight_decay: 0.0", "weight_decay: -0.1"],
  ["decay_factor: 0.9", "decay_factor: 0"],
  ["decay: 0.625", "decay: 2"],
  ["decay: 0.625", "decay: 0.9e999"],
  ["lr: 0.125", "lr: -0.5"],
  ["momentum: 0.25", "momentum: 7"],
  ["max_gradient: 1.5", "max_gradient: 0"],
  ["batch_size: 32", "batch_size: 0"],
  ["batch_size: 32", "batch_size: 99999999999"],
  ["batch_size: 32", "batch_size 32"],
  ["batch_size: 32", "batch_size: [32]"],
  ['delimiter: ";"', 'delimiter: ""'],
  ['label_fields: "label"', 'label_fields: ""'],
  ['label_fields: "label"', String.raw`label_fields: "la\xqbel"`],
  ["hash_bucket_size: 10", "hash_bucket_size: 0"],
  ["embedding_dim: 6", "embedding_dim: 100000000"],
  ['pooling: "sum"', 'pooling: "max"'],
  ["num_channels: 7", "num_channels: 0"],
  ["temperature: 0.3", "temperature: 0"],
  ["boundaries: [1, 2]", "boundaries: [2, 1]"],
  ["cross_num: 2", "cross_num: 0"],
  ["low_rank: 3", "low_rank: 0"],
  ["hidden_units: [11, 5]", "hidden_units: [11, 0]"],
  ["dropout_ratio: [0.1, 0.2]", "dropout_ratio: [0.1, 1.5]"],
  ["dropout_ratio: [0.1, 0.2]", "dropout_ratio: [0.1, 0.2, 0.3]"],
  ["gamma: 2", "gamma: -2"],
  ["alpha: 0.35", "alpha: 3"],
])("%s -> %s", (from, to) => {
  const line = TEXT.slice(0, TEXT.indexOf(from)).split("\n").length;
  const [name] = to.split(/\W/);
  const error = refusal(TEXT.replace(from, to));
  expect(error.message).toMatch(new RegExp(`^p:${line}: [\\w.[\\]]+\\.${name}(\\[\\d+\\])?: `));
  expect(error.report.next).toMatch(/^[A-Z].*[.?]$/);
});

it.each([
  ["hidden_units: [11, 5]", "hidden_units: [11,\n0]", "hidden_units: "],
  ["dropout_ratio: [0.1, 0.2]", "dropout_ratio: [0.1,\n1.5]", "dropout_ratio: "],
  ["dropout_ratio: [0.1, 0.2]", "dropout_ratio: [0.1,\n0.2.1]", "dropout_ratio[1]: "],
  ['feature_names: "n"', 'feature_names: ["n",\n"b"]', 'feature_names: there is no feature "b"'],
  ['feature_names: "n"', 'feature_names: ["n",\n"a"]', "feature_names: the group already has this feature"],
])("%s -> a wrong value in the line after: its own line", (from, to, path) => {
  const { message } = refusal(TEXT.replace(from, to));
  const line = TEXT.slice(0, TEXT.indexOf(from)).split("\n").length;
  expect(message).toMatch(`p:${line + 1}: model_config.`);
  expect(message).toContain(path);
});

it.each([
  ["n", "another feature has this name"],
  ["", "the name is empty"],
])('a feature called "%s": at its name, before the groups', (name, what) => {
  const from = 'feature_name: "r"';
  const line = TEXT.slice(0, TEXT.indexOf(from)).split("\n").length;
  const { message } = refusal(TEXT.replace(from, `feature_name: "${name}"`));
  expect(message).toMatch(`p:${line}: feature_configs[2].raw_feature.feature_name: ${what}`);
});

it("a length of 0 is not called missing", () => {
  const { message } = refusal(TEXT.replace("decay_size: 5", "decay_size: 0"));
  expect(message).toContain("exponential_decay_learning_rate.decay_size: a value is out of range");
});

/** A config with a loss of several classes, and metrics within groups. */
const ofClasses = (classes: number) =>
  TEXT.replace(/losses \{[\s\S]*$/, "")
    .concat(`num_class: ${classes} losses { softmax_cross_entropy {} }\n`)
    .concat('metrics { grouped_auc { grouping_key: "a" } } }\n');

it("groups of a loss that predicts three classes are named at the metric", () => {
  const text = ofClasses(3);
  const { message } = refusal(text);
  expect(message).toMatch(/^p:\d+: model_config\.metrics: /);
  expect(message.startsWith(`p:${text.split("\n").length - 1}: `)).toBe(true);
});

it("groups of a loss that predicts two classes are measured", () => {
  expect(importPipeline(ofClasses(2), "p").config.train?.groups).toMatchObject({ by: "a_group" });
});

function refusal(text: string): ImportError {
  try {
    importPipeline(text, "p");
  } catch (error) {
    if (error instanceof ImportError) return error;
    throw error;
  }
  throw new TypeError("nothing was refused");
}
