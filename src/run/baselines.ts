import { join } from "node:path";
import type { ColumnSet } from "../columns/columns.js";
import type { Config } from "../config/config.js";
import { baseRate, type Evaluation, evaluationOf, type Prediction } from "../metrics/index.js";
import { columnOf, type MetricSettings, type Targets, targetsOf } from "../train/evaluate.js";
import { configuredFeatureInfos } from "../train/feature-info.js";
import { inferenceGraph } from "../train/step/model-graphs.js";
import { specOf } from "../train/step/model-spec.js";
import { l2Schema, optimizerSchema } from "../train/step/optimizers.js";
import type { Task } from "../train/task.js";

/** The directory of a baseline, inside the run directory. */
export const baselineDirectory = (runDir: string): string => join(runDir, "baselines", "logistic-regression");

/**
 * Evaluates a constant prediction, which any model must beat: the base rate of each label in the training split, the class
 * frequencies for a model that predicts classes, or the mean label for one that predicts numbers. For a rate of 0 or 1 the
 * log loss is undefined.
 */
export function evaluateBaseRate(train: ColumnSet, held: ColumnSet, settings: MetricSettings): Evaluation {
  const { labels, task } = settings;
  const [learnt, measured] = [train, held].map(targetsOf);
  const evaluations = labels.map((name, k) => {
    const [from, on] = [learnt, measured].map((of) => ({
      ...of,
      labels: columnOf(of.labels, k, labels.length),
    }));
    return [name, BASELINES[task.predicts](from, on, task)] as const;
  });
  return evaluationOf(new Map(evaluations));
}

/** Learns from the training labels alone, for each kind of prediction. */
const BASELINES: Readonly<Record<Prediction, (train: Targets, held: Targets, task: Task) => Evaluation>> = {
  probabilities: evaluateRate,
  classes: evaluateShares,
  numbers: evaluateMean,
};

function evaluateRate(train: Targets, { labels, weights }: Targets, task: Task): Evaluation {
  const rate = baseRate(train.labels, train.weights);
  const certain = !rate.defined || rate.value === 0 || rate.value === 1;
  const logit = certain ? 0 : Math.log(rate.value / (1 - rate.value));
  const logits = new Float32Array(labels.length).fill(logit);
  const evaluation = task.evaluate({ logits, labels, weights });
  if (!certain) return evaluation;
  const reason = rate.defined ? `all training labels are ${rate.value}` : rate.reason;
  const none = { defined: false, reason } as const;
  return { ...evaluation, logLoss: none, normalizedEntropy: none, calibration: none };
}

function evaluateShares(train: Targets, { labels, weights }: Targets, task: Task): Evaluation {
  const classes = task.outputs([]);
  const shares = new Float64Array(classes);
  train.labels.forEach((label, row) => {
    shares[label] += train.weights?.[row] ?? 1;
  });
  const logits = Float32Array.from({ length: labels.length * classes }, (_, i) =>
    Math.log(shares[i % classes]),
  );
  const evaluation = task.evaluate({ logits, labels, weights });
  const unseen = labels.find((label) => shares[label] === 0);
  if (unseen === undefined) return evaluation;
  const none = { defined: false, reason: `no training row has the class ${unseen}` } as const;
  return { ...evaluation, logLoss: none, normalizedEntropy: none };
}

function evaluateMean(train: Targets, { labels, weights }: Targets, task: Task): Evaluation {
  const total = train.weights?.reduce((sum, weight) => sum + weight, 0) ?? train.labels.length;
  const sum = train.labels.reduce((part, label, row) => part + label * (train.weights?.[row] ?? 1), 0);
  const logits = new Float32Array(labels.length).fill(sum / total);
  return task.evaluate({ logits, labels, weights });
}

/**
 * Logistic regression on the features of the model, for the same rows and epochs. Its weights are tables of dimension 1, which
 * need larger steps than those of a deep model.
 */
export function logisticRegressionOf(config: Config): Config {
  return {
    ...config,
    model: { kind: "logisticRegression", features: featuresOf(config) },
    train: { ...config.train, ...BASELINE_TRAINING },
  };
}

const BASELINE_TRAINING = {
  // It is a different model, so these weights do not exist.
  initializeFrom: undefined,
  optimizer: optimizerSchema.parse({
    dense: { kind: "adagrad", learningRate: 0.05 },
    embedding: { kind: "adagrad", learningRate: 0.05 },
  }),
  l2: l2Schema.parse({}),
};

/** The names of the features that the model reads, in config order. */
function featuresOf(config: Config): string[] {
  const { features } = config;
  const graph = inferenceGraph(specOf(config, configuredFeatureInfos(features)));
  const read = new Set(graph.nodes.filter(({ op }) => op.binds === "input").map(({ attrs }) => attrs.name));
  return features.map(({ name }) => name).filter((name) => read.has(name));
}
