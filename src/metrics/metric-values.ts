import type { Evaluation } from "./evaluation.js";
import type { MetricResult } from "./metric.js";

/** The metrics of an evaluation under the names of logs, checkpoints and reports; recall is `recall@k`. */
export function namedMetrics(evaluation: Evaluation): Record<string, MetricResult> {
  const { rows: _, baseRate: _rate, meanPrediction: _mean, recallAt = {}, ...metrics } = evaluation;
  const recalls = Object.entries(recallAt).map(([k, result]) => [`recall@${k}`, result]);
  return { ...metrics, ...Object.fromEntries(recalls) };
}

/** The metrics that are defined. */
export function metricValues(evaluation: Evaluation): Record<string, number> {
  const results = Object.entries(namedMetrics(evaluation));
  return Object.fromEntries(
    results.flatMap(([name, result]) => (result.defined ? [[name, result.value]] : [])),
  );
}
