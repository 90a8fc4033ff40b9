import { join } from "node:path";
import type { ColumnSet } from "../columns/columns.js";
import type { Config } from "../config/config.js";
import { type Evaluation, evaluationOf } from "../metrics/index.js";
import { columnOf, type MetricSettings, targetsOf } from "../train/evaluate.js";
import { configuredFeatureInfos } from "../train/feature-info.js";
import { inferenceGraph, inputNames } from "../train/step/model-graphs.js";
import { specOf } from "../train/step/model-spec.js";
import { l2Schema, optimizerSchema } from "../train/step/optimizers.js";

/** The directory of a baseline, inside the run directory. */
export const baselineDirectory = (runDir: string): string => join(runDir, "baselines", "logistic-regression");

/**
 * Evaluates a constant prediction, which any model must beat: the base rate of each label in the training split, the class
 * frequencies for a model that predicts classes, or the mean label for one that predicts numbers.
 */
export function evaluateBaseRate(train: ColumnSet, held: ColumnSet, settings: MetricSettings): Evaluation {
  const { labels, task } = settings;
  const [learnt, measured] = [train, held].map(targetsOf);
  const evaluations = labels.map((name, k) => {
    const [from, on] = [learnt, measured].map((of) => ({
      ...of,
      labels: columnOf(of.labels, k, labels.length),
    }));
    const constant = task.constant(from);
    const logits = Float32Array.from(
      { length: on.labels.length * constant.length },
      (_, i) => constant[i % constant.length],
    );
    return [name, task.evaluate({ ...on, logits })] as const;
  });
  return evaluationOf(new Map(evaluations));
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
  seeds: undefined,
  publish: undefined,
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
  const read = new Set(inputNames(graph));
  return features.map(({ name }) => name).filter((name) => read.has(name));
}
