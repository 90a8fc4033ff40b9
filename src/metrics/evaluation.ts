import type { MetricResult } from "./metric.js";

/**
 * Every metric of a model on one split; of a model with several labels, every metric of the first. What a model of this
 * kind does not have is undefined, or left out.
 */
export interface Evaluation {
  /** Rows seen, whatever their weight. */
  rows: number;
  /** Of several classes: the mean over classes of the AUC of each against the rest. */
  auc: MetricResult;
  /** Nats per row. */
  logLoss: MetricResult;
  normalizedEntropy: MetricResult;
  /** Mean predicted probability over mean label. */
  calibration: MetricResult;
  /** Weighted share of positive labels. */
  baseRate: MetricResult;
  /** Weighted mean of the predicted probability, or number. */
  meanPrediction: MetricResult;
  /** Weighted share of rows on the right side of a probability of 1/2; of several classes, with the most probable one. */
  accuracy: MetricResult;
  /** Weighted mean of |prediction - label|. */
  meanAbsoluteError: MetricResult;
  /** Weighted mean of (prediction - label)²; of probabilities, the Brier score. */
  meanSquaredError: MetricResult;
  /** Share of pairs of rows in the order of their labels; only of models that predict numbers (else it is the AUC). */
  xauc?: MetricResult;
  /** Of several classes: as `auc`, each class weighted by its rows. */
  weightedAuc?: MetricResult;
  /** Of several classes: the mean over pairs of classes of the AUC of one against the other. */
  pairwiseAuc?: MetricResult;
  /** Where rows have groups. */
  groupedAuc?: MetricResult;
  /** By k; where rows have groups. */
  recallAt?: Readonly<Record<number, MetricResult>>;
  /** Of a model with several labels: the metrics of each, by name, in the order of its outputs. */
  labels?: ReadonlyMap<string, Evaluation>;
}

/** The evaluation of a model from those of its labels, one or several. */
export function evaluationOf(labels: ReadonlyMap<string, Evaluation>): Evaluation {
  const [first] = labels.values();
  return labels.size === 1 ? first : { ...first, labels };
}
