import type { DataConfig } from "../data/data-config.js";
import { ConfigError } from "../errors.js";
import { type FeatureConfig, targetRuleOf } from "../features/schema/features.js";
import { labelNames } from "../features/targets.js";
import { partsOf } from "../metrics/index.js";
import { factsOf } from "../train/step/loss/index.js";
import { type TrainConfig, watchedMetrics } from "../train/train-config.js";
import { formatPath } from "./paths.js";

interface LabelledConfig {
  readonly data: DataConfig;
  readonly features: readonly FeatureConfig[];
  readonly train: TrainConfig;
}

/**
 * Checks the training section against the labels of the data section.
 * @throws ConfigError if the loss does not support the labels, or an unknown label is named
 */
export function checkLabels(config: LabelledConfig): void {
  const { data, train } = config;
  const labels = labelNames(data.label);
  checkTargetFeatures(config, labels);
  if (labels.length > 1 && factsOf(train.loss).takesOneLabel)
    throw new ConfigError({
      what: `the loss ${train.loss.kind} supports one label only`,
      where: "data.label",
      got: labels.join(", "),
      expected: "one column",
      next: 'Keep one label, or use a loss such as "binaryCrossEntropy", which is summed over labels.',
    });
  if (data.sampleNegatives !== undefined && factsOf(train.loss).task.labels !== "binary")
    throw new ConfigError({
      what: `sampleNegatives needs labels 0 and 1, and the loss ${train.loss.kind} has others`,
      where: "data.sampleNegatives",
      next: "Remove it, or drop rows in sql.",
    });
  for (const name of Object.keys(train.labelWeights ?? {}))
    checkName(["train", "labelWeights", name], name, labels, labels);
  for (const { path, metric } of watchedMetrics(train)) {
    const { label, metric: name } = partsOf(metric);
    if (label !== undefined)
      checkName(
        ["train", ...path],
        label,
        labels,
        labels.length === 1 ? [name] : labels.map((of) => `${of}.${name}`),
      );
  }
}

/** A mean needs one label that is a number: the mean of class numbers says nothing. */
function checkTargetFeatures({ features, train }: LabelledConfig, labels: readonly string[]): void {
  const index = features.findIndex(targetRuleOf);
  if (index < 0) return;
  const isNumber = typeof factsOf(train.loss).task.labels === "string";
  if (isNumber && labels.length === 1) return;
  throw new ConfigError({
    what: `the feature ${features[index].name} is a mean of labels, and the labels have no mean`,
    where: `features[${index}]`,
    got: isNumber
      ? `the labels ${labels.join(", ")}`
      : `the loss ${train.loss.kind}, whose labels are classes`,
    expected: "one label that is 0 or 1, or a number",
    next: "Remove the feature, or use a cross of the same columns: an id feature with columns and hash.",
  });
}

function checkName(
  path: readonly (string | number)[],
  name: string,
  labels: readonly string[],
  expected: readonly string[],
): void {
  if (labels.length > 1 && labels.includes(name)) return;
  throw new ConfigError({
    what:
      labels.length > 1
        ? "data.label has no such label"
        : "there is only one label, so it must not be named here",
    where: formatPath(path),
    got: name,
    expected: labels.length > 1 ? `one of ${expected.join(", ")}` : undefined,
    next: labels.length > 1 ? "Correct the name, or add the column to data.label." : "Remove the label.",
  });
}
