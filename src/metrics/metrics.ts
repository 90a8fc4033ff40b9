import { aucOfChecked } from "./auc.js";
import { calibrationOf } from "./calibration.js";
import { normalizedClassEntropyOf } from "./class-sums.js";
import { groupedAucOf } from "./grouped-auc.js";
import { logLossOf } from "./log-loss.js";
import type { Direction, MetricResult } from "./metric.js";
import { normalizedEntropyOf } from "./normalized-entropy.js";
import { accuracyOf, meanAbsoluteErrorOf, meanOf, meanSquaredErrorOf } from "./pointwise.js";
import type { ClassRows, NumberRows, ProbabilityRows } from "./rows.js";
import { xauc } from "./xauc.js";

/** What a model predicts for a row: the probability of a positive label, one of each class, or a number. */
export type Prediction = "probabilities" | "classes" | "numbers";

/**
 * A metric: how it is measured on rows of each kind of prediction, how it improves, and where people see it. For a kind
 * of prediction without a function there is no such metric.
 */
export interface Metric {
  /** The head of its column in tables, and its name in progress lines. */
  readonly title: string;
  /** Decimals for people. */
  readonly digits: number;
  /** Which way it improves; absent where it cannot choose a checkpoint, stop training or lower a learning rate. */
  readonly better?: Direction;
  /** Where it does not apply it is left out of an evaluation, instead of being undefined for a reason. */
  readonly optional?: true;
  /** Not in logs and checkpoints: it describes the rows or the predictions, and does not judge the model. */
  readonly descriptive?: true;
  /** The kinds of prediction whose tables have it. */
  readonly tables?: readonly Prediction[];
  /** The kinds of prediction whose progress lines have it. */
  readonly lines?: readonly Prediction[];
  /** It is measured within groups of rows, where there are any. */
  readonly grouped?: true;
  readonly probabilities?: (rows: ProbabilityRows) => MetricResult | undefined;
  readonly classes?: (rows: ClassRows) => MetricResult;
  readonly numbers?: (rows: NumberRows) => MetricResult;
}

/** Every metric but recall@k, which is one for each k. The order is that of reports, tables and progress lines. */
export const METRICS = {
  /** Of several classes: the mean over classes of the AUC of each against the rest. */
  auc: {
    title: "AUC",
    digits: 4,
    better: "max",
    tables: ["probabilities", "classes"],
    lines: ["probabilities", "classes"],
    probabilities: ({ logits, labels, weights }) => aucOfChecked(logits, labels, weights),
    classes: ({ auc }) => auc.oneVersusRest,
  },
  /** Share of pairs of rows in the order of their labels; for probabilities it would be the AUC. */
  xauc: {
    title: "XAUC",
    digits: 4,
    better: "max",
    optional: true,
    tables: ["numbers"],
    lines: ["numbers"],
    numbers: ({ predictions, labels, weights }) => xauc(predictions, labels, weights),
  },
  /** Of several classes: as `auc`, each class weighted by its rows. */
  weightedAuc: {
    title: "weighted AUC",
    digits: 4,
    better: "max",
    optional: true,
    classes: ({ auc }) => auc.weighted,
  },
  /** Of several classes: the mean over pairs of classes of the AUC of one against the other. */
  pairwiseAuc: {
    title: "pairwise AUC",
    digits: 4,
    better: "max",
    optional: true,
    tables: ["classes"],
    classes: ({ auc }) => auc.oneVersusOne,
  },
  /** Where rows have groups: the mean of the groups' AUCs, weighted by their rows. */
  groupedAuc: {
    title: "grouped AUC",
    digits: 4,
    better: "max",
    optional: true,
    grouped: true,
    tables: ["probabilities"],
    lines: ["probabilities"],
    probabilities: ({ grouping, logits, labels, weights }) =>
      grouping && groupedAucOf(grouping, logits, labels, weights),
  },
  /** Nats per row. */
  logLoss: {
    title: "log loss",
    digits: 5,
    better: "min",
    tables: ["probabilities", "classes"],
    lines: ["probabilities", "classes"],
    probabilities: ({ sums }) => logLossOf(sums),
    classes: ({ sums }) => meanOf(sums.loss, sums.weight),
  },
  normalizedEntropy: {
    title: "normalised entropy",
    digits: 5,
    better: "min",
    tables: ["probabilities", "classes"],
    probabilities: ({ sums }) => normalizedEntropyOf(sums),
    classes: ({ sums }) => normalizedClassEntropyOf(sums),
  },
  /** Mean predicted probability over mean label. */
  calibration: {
    title: "calibration",
    digits: 4,
    probabilities: ({ sums }) => calibrationOf(sums),
  },
  /** Weighted share of positive labels. */
  baseRate: {
    title: "base rate",
    digits: 5,
    descriptive: true,
    probabilities: ({ sums }) => meanOf(sums.positive, sums.weight),
  },
  /** Weighted mean of the predicted probability, or number. */
  meanPrediction: {
    title: "mean prediction",
    digits: 5,
    descriptive: true,
    probabilities: ({ sums }) => meanOf(sums.predicted, sums.weight),
    numbers: ({ predicted, sums }) => meanOf(predicted, sums.weight),
  },
  /** Weighted share of rows on the right side of a probability of 1/2; of several classes, with the most probable one. */
  accuracy: {
    title: "accuracy",
    digits: 4,
    better: "max",
    tables: ["classes"],
    lines: ["classes"],
    probabilities: ({ logits, labels, weights }) => accuracyOf(logits, labels, weights),
    classes: ({ sums }) => meanOf(sums.right, sums.weight),
  },
  /** Weighted mean of |prediction - label|. */
  meanAbsoluteError: {
    title: "mean absolute error",
    digits: 5,
    better: "min",
    tables: ["numbers"],
    probabilities: ({ sums }) => meanAbsoluteErrorOf(sums),
    numbers: ({ sums }) => meanAbsoluteErrorOf(sums),
  },
  /** Weighted mean of (prediction - label)²; of probabilities, the Brier score. */
  meanSquaredError: {
    title: "mean squared error",
    digits: 5,
    better: "min",
    tables: ["numbers"],
    lines: ["numbers"],
    probabilities: ({ sums }) => meanSquaredErrorOf(sums),
    numbers: ({ sums }) => meanSquaredErrorOf(sums),
  },
} as const satisfies Record<string, Metric>;

type Metrics = typeof METRICS;
type NamesWith<Fact> = { [M in keyof Metrics]: Metrics[M] extends Fact ? M : never }[keyof Metrics];

export type MetricName = keyof Metrics;
export type OptionalMetric = NamesWith<{ readonly optional: true }>;

/** `METRICS` as a list, in its order. */
export const METRIC_LIST = Object.entries(METRICS) as [MetricName, Metric][];

/** Metrics that can choose a best checkpoint, stop training or lower the learning rate. */
export type MonitoredMetric = NamesWith<{ readonly better: Direction }>;
export const MONITORED_METRICS = METRIC_LIST.flatMap(([name, { better }]) => (better ? [name] : [])) as [
  MonitoredMetric,
  ...MonitoredMetric[],
];

/** A monitored metric; of one of several labels, `<label>.<metric>`. */
export type WatchedMetric = MonitoredMetric | `${string}.${MonitoredMetric}`;

/** What `<label>.<metric>` names; without a label, the metric of the first. */
export function partsOf(metric: WatchedMetric): { label?: string; metric: MonitoredMetric } {
  const dot = metric.lastIndexOf(".");
  const name = metric.slice(dot + 1) as MonitoredMetric;
  return dot < 0 ? { metric: name } : { label: metric.slice(0, dot), metric: name };
}

export const directionOf = (metric: WatchedMetric): Direction => METRICS[partsOf(metric).metric].better;
