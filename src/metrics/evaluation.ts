import { type MetricResult, undefinedBecause } from "./metric.js";
import {
  METRIC_LIST,
  type Metric,
  type MetricName,
  type OptionalMetric,
  type Prediction,
} from "./metrics.js";

/**
 * Every metric of a model on one split; with several labels, every metric of the first label. Metrics that do not apply
 * to the kind of model are undefined or absent.
 */
export interface Evaluation
  extends Readonly<Record<Exclude<MetricName, OptionalMetric>, MetricResult>>,
    Readonly<Partial<Record<OptionalMetric, MetricResult>>> {
  readonly predicts: Prediction;
  /** Number of rows, regardless of weight. */
  readonly rows: number;
  /** By k; present if rows have groups. */
  readonly recallAt?: Readonly<Record<number, MetricResult>>;
  /** Only with several labels: the metrics of each label by name, in the order of the model's outputs. */
  readonly labels?: ReadonlyMap<string, Evaluation>;
}

const NONE = {
  probabilities: "the model predicts probabilities",
  classes: "the model predicts classes, not one probability",
  numbers: "the model predicts numbers, not probabilities",
} as const;

/** @param measure computes a metric of these rows; undefined if it does not apply to them */
export function evaluateRows(
  predicts: Prediction,
  rows: number,
  measure: (metric: Metric) => MetricResult | undefined,
): Evaluation {
  const none = undefinedBecause(NONE[predicts]);
  const results = METRIC_LIST.map(([name, metric]) => {
    return [name, measure(metric) ?? (metric.optional ? undefined : none)] as const;
  });
  const present = results.filter(([, result]) => result !== undefined);
  return { predicts, rows, ...Object.fromEntries(present) } as Evaluation;
}

/** Combines the evaluations of one or several labels into that of the model. */
export function evaluationOf(labels: ReadonlyMap<string, Evaluation>): Evaluation {
  const [first] = labels.values();
  return labels.size === 1 ? first : { ...first, labels };
}
