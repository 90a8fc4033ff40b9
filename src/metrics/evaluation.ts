import { type MetricResult, undefinedBecause } from "./metric.js";
import {
  METRIC_LIST,
  type Metric,
  type MetricName,
  type OptionalMetric,
  type Prediction,
} from "./metrics.js";

/**
 * Every metric of a model on one split; of a model with several labels, every metric of the first. A metric that a model
 * of this kind does not have is undefined, or left out.
 */
export interface Evaluation
  extends Readonly<Record<Exclude<MetricName, OptionalMetric>, MetricResult>>,
    Readonly<Partial<Record<OptionalMetric, MetricResult>>> {
  readonly predicts: Prediction;
  /** Rows seen, whatever their weight. */
  readonly rows: number;
  /** By k; where rows have groups. */
  readonly recallAt?: Readonly<Record<number, MetricResult>>;
  /** Of a model with several labels: the metrics of each, by name, in the order of its outputs. */
  readonly labels?: ReadonlyMap<string, Evaluation>;
}

const NONE = {
  probabilities: "the model predicts probabilities",
  classes: "the model predicts classes, not one probability",
  numbers: "the model predicts numbers, not probabilities",
} as const;

/** @param measure a metric of these rows, or undefined where it does not apply to them */
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

/** The evaluation of a model from those of its labels, one or several. */
export function evaluationOf(labels: ReadonlyMap<string, Evaluation>): Evaluation {
  const [first] = labels.values();
  return labels.size === 1 ? first : { ...first, labels };
}
