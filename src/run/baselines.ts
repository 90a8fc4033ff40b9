import { join } from "node:path";
import type { Config } from "../config/config.js";
import type { ColumnSet } from "../data/columns.js";
import {
  baseRate,
  type Evaluation,
  evaluateBinary,
  evaluateClasses,
  evaluateRegression,
} from "../metrics/index.js";
import { configuredFeatureInfos } from "../models/feature-info.js";
import { input } from "../ops/sources.js";
import { columnValues, type MetricSettings } from "../train/evaluate.js";
import { classesOf, predictsNumbers } from "../train/loss.js";
import { inferenceGraph, LABEL_INPUT, WEIGHT_INPUT } from "../train/model-graphs.js";
import { specOf } from "../train/model-spec.js";
import { l2Schema, optimizerSchema } from "../train/optimizers.js";

/** Where a baseline trains, inside the run directory. */
export const baselineDirectory = (runDir: string): string => join(runDir, "baselines", "logistic-regression");

/**
 * Every row predicted to be the base rate of the training split: what any model must beat. A rate of 0 or 1 is
 * certainty, whose log loss is undefined here. For a model that predicts classes, their shares; for one that predicts
 * numbers, the mean label.
 */
export function evaluateBaseRate(train: ColumnSet, held: ColumnSet, settings: MetricSettings): Evaluation {
  const classes = classesOf(settings.loss);
  if (classes !== undefined) return evaluateShares(train, held, classes);
  if (predictsNumbers(settings.loss)) return evaluateMean(train, held);
  const rate = baseRate(columnValues(train, LABEL_INPUT), weightsOf(train));
  const certain = !rate.defined || rate.value === 0 || rate.value === 1;
  const logit = certain ? 0 : Math.log(rate.value / (1 - rate.value));
  const logits = new Float32Array(held.rows).fill(logit);
  const evaluation = evaluateBinary(logits, columnValues(held, LABEL_INPUT), weightsOf(held));
  if (!certain) return evaluation;
  const reason = rate.defined ? `all training labels are ${rate.value}` : rate.reason;
  const none = { defined: false, reason } as const;
  return { ...evaluation, logLoss: none, normalizedEntropy: none, calibration: none };
}

function evaluateShares(train: ColumnSet, held: ColumnSet, classes: number): Evaluation {
  const weights = weightsOf(train);
  const shares = new Float64Array(classes);
  columnValues(train, LABEL_INPUT).forEach((label, row) => {
    shares[label] += weights?.[row] ?? 1;
  });
  const labels = columnValues(held, LABEL_INPUT);
  const logits = Float32Array.from({ length: held.rows * classes }, (_, i) => Math.log(shares[i % classes]));
  const evaluation = evaluateClasses(logits, labels, classes, weightsOf(held));
  const unseen = labels.find((label) => shares[label] === 0);
  if (unseen === undefined) return evaluation;
  const none = { defined: false, reason: `no training row has the class ${unseen}` } as const;
  return { ...evaluation, logLoss: none, normalizedEntropy: none };
}

function evaluateMean(train: ColumnSet, held: ColumnSet): Evaluation {
  const labels = columnValues(train, LABEL_INPUT);
  const weights = weightsOf(train);
  const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? labels.length;
  const mean = labels.reduce((sum, label, row) => sum + label * (weights?.[row] ?? 1), 0) / total;
  const predictions = new Float32Array(held.rows).fill(mean);
  return evaluateRegression(predictions, columnValues(held, LABEL_INPUT), weightsOf(held));
}

function weightsOf(data: ColumnSet): Float32Array | undefined {
  return data.columns.has(WEIGHT_INPUT) ? columnValues(data, WEIGHT_INPUT) : undefined;
}

/**
 * Logistic regression on the features that the model reads, over the same rows for as many epochs. Its weights are
 * tables of dim 1, which want larger steps than a deep model's.
 */
export function logisticRegressionOf(config: Config): Config {
  return {
    ...config,
    model: { kind: "logisticRegression", features: featuresOf(config) },
    train: { ...config.train, ...BASELINE_TRAINING },
  };
}

const BASELINE_TRAINING = {
  // Another model: it has none of those weights.
  initializeFrom: undefined,
  optimizer: optimizerSchema.parse({
    dense: { kind: "adagrad", learningRate: 0.05 },
    embedding: { kind: "adagrad", learningRate: 0.05 },
  }),
  l2: l2Schema.parse({}),
};

/** The names of the features that the model's graph reads, in the config's order. */
function featuresOf(config: Config): string[] {
  const { features } = config;
  const graph = inferenceGraph(specOf(config, configuredFeatureInfos(features)));
  const read = new Set(graph.nodes.filter(({ op }) => op === input).map(({ attrs }) => attrs.name));
  return features.map(({ name }) => name).filter((name) => read.has(name));
}
