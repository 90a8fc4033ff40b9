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

/** The prediction of a model for a row: the probability of a positive label, one probability per class, or a number. */
export type Prediction = "probabilities" | "classes" | "numbers";

/**
 * A metric: its computation for each kind of prediction, its direction, and where it is shown. A kind of prediction
 * without a function does not have the metric.
 */
export interface Metric {
  /** Its column heading in tables and its name in progress lines. */
  readonly title: string;
  /** Number of decimals in printed values. */
  readonly digits: number;
  /** Its direction; absent if it cannot choose a checkpoint, stop training or lower a learning rate. */
  readonly better?: Direction;
  /** If it does not apply, the evaluation omits it instead of giving a reason. */
  readonly optional?: true;
  /** Not in logs and checkpoints: it describes the rows or the predictions, not the quality of the model. */
  readonly descriptive?: true;
  /** Kinds of prediction whose tables show it. */
  readonly tables?: readonly Prediction[];
  /** Kinds of prediction whose progress lines show it. */
  readonly lines?: readonly Prediction[];
  /** Computed within groups of rows, if there are groups. */
  readonly grouped?: true;
  readonly probabilities?: (rows: ProbabilityRows) => MetricResult | undefined;
  readonly classes?: (rows: ClassRows) => MetricResult | undefined;
  readonly numbers?: (rows: NumberRows) => MetricResult;
}

/** Every metric except recall@k, which exists once per k. This is the order in reports, tables and progress lines. */
export const METRICS = {
  /** Multi-class: the mean over classes of the AUC of the class against the rest. */
  auc: {
    title: "AUC",
    digits: 4,
    better: "max",
    tables: ["probabilities", "classes"],
    lines: ["probabilities", "classes"],
    probabilities: ({ logits, labels, weights }) => aucOfChecked(logits, labels, weights),
    classes: ({ auc }) => auc.oneVersusRest,
  },
  /** Share of pairs of rows that are ranked in the order of their labels. For binary labels this equals the AUC. */
  xauc: {
    title: "XAUC",
    digits: 4,
    better: "max",
    optional: true,
    tables: ["numbers"],
    lines: ["numbers"],
    numbers: ({ predictions, labels, weights }) => xauc(predictions, labels, weights),
  },
  /** Multi-class: like `auc`, weighted by the rows of each class. */
  weightedAuc: {
    title: "weighted AUC",
    digits: 4,
    better: "max",
    optional: true,
    classes: ({ auc }) => auc.weighted,
  },
  /** Multi-class: the mean over pairs of classes of the AUC of one against the other. */
  pairwiseAuc: {
    title: "pairwise AUC",
    digits: 4,
    better: "max",
    optional: true,
    tables: ["classes"],
    classes: ({ auc }) => auc.oneVersusOne,
  },
  /** With groups: the mean of the groups' AUCs, weighted by their rows. Of classes: if there are two. */
  groupedAuc: {
    title: "grouped AUC",
    digits: 4,
    better: "max",
    optional: true,
    grouped: true,
    tables: ["probabilities", "classes"],
    lines: ["probabilities", "classes"],
    probabilities: ({ grouping, logits, labels, weights }) =>
      grouping && groupedAucOf(grouping, logits, labels, weights),
    classes: ({ grouping, margins, labels, weights }) =>
      grouping && margins && groupedAucOf(grouping, margins, labels, weights),
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
    title: "normalized entropy",
    digits: 5,
    better: "min",
    tables: ["probabilities", "classes"],
    probabilities: ({ sums }) => normalizedEntropyOf(sums),
    classes: ({ sums }) => normalizedClassEntropyOf(sums),
  },
  /** Mean predicted probability divided by mean label. */
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
  /** Weighted mean of the predicted probability or number. */
  meanPrediction: {
    title: "mean prediction",
    digits: 5,
    descriptive: true,
    probabilities: ({ sums }) => meanOf(sums.predicted, sums.weight),
    numbers: ({ predicted, sums }) => meanOf(predicted, sums.weight),
  },
  /**
   * Weighted share of rows on the correct side of probability 1/2; multi-class: whose most probable class is correct.
   */
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
  /** Weighted mean of (prediction - label)²; for probabilities this is the Brier score. */
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

/** `METRICS` as a list, in the same order. */
export const METRIC_LIST = Object.entries(METRICS) as [MetricName, Metric][];

/** Metrics that can choose a best checkpoint, stop training or lower the learning rate. */
export type MonitoredMetric = NamesWith<{ readonly better: Direction }>;
export const MONITORED_METRICS = METRIC_LIST.flatMap(([name, { better }]) => (better ? [name] : [])) as [
  MonitoredMetric,
  ...MonitoredMetric[],
];

/** The name of a monitored metric; `<label>.<metric>` with several labels. */
export type WatchedMetric = MonitoredMetric | `${string}.${MonitoredMetric}`;

/** Splits `<label>.<metric>`; without a label, the metric belongs to the first label. */
export function partsOf(metric: WatchedMetric): { label?: string; metric: MonitoredMetric } {
  const dot = metric.lastIndexOf(".");
  const name = metric.slice(dot + 1) as MonitoredMetric;
  return dot < 0 ? { metric: name } : { label: metric.slice(0, dot), metric: name };
}

export const directionOf = (metric: WatchedMetric): Direction => METRICS[partsOf(metric).metric].better;
