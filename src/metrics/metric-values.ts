import type { Evaluation } from "./evaluation.js";
import type { MetricResult } from "./metric.js";
import { METRIC_LIST } from "./metrics.js";

/**
 * The metrics of an evaluation under the names of logs, checkpoints and reports; recall is `recall@k`. Those of several
 * labels are not among them.
 */
export function namedMetrics(evaluation: Evaluation): Record<string, MetricResult> {
  const metrics = METRIC_LIST.flatMap(([name, { descriptive }]) => {
    const result = evaluation[name];
    return descriptive || !result ? [] : [[name, result]];
  });
  const recalls = Object.entries(evaluation.recallAt ?? {}).map(([k, result]) => [`recall@${k}`, result]);
  return Object.fromEntries([...metrics, ...recalls]);
}

/** The metrics that are defined; of several labels those of each as `<label>.<metric>` besides. */
export function metricValues(evaluation: Evaluation): Record<string, number> {
  const ofLabels = [...(evaluation.labels ?? [])].flatMap(([label, of]) =>
    Object.entries(definedMetrics(of)).map(([name, value]) => [`${label}.${name}`, value]),
  );
  return { ...definedMetrics(evaluation), ...Object.fromEntries(ofLabels) };
}

function definedMetrics(evaluation: Evaluation): Record<string, number> {
  const results = Object.entries(namedMetrics(evaluation));
  return Object.fromEntries(
    results.flatMap(([name, result]) => (result.defined ? [[name, result.value]] : [])),
  );
}
