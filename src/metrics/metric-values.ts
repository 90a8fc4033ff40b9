import type { Evaluation } from "./evaluation.js";
import type { MetricResult } from "./metric.js";
import { METRIC_LIST } from "./metrics.js";

/**
 * An evaluation's metrics by their names in logs, checkpoints and reports; recall is `recall@k`. The metrics of several
 * labels are not included.
 */
export function namedMetrics(evaluation: Evaluation): Record<string, MetricResult> {
  const metrics = METRIC_LIST.flatMap(([name, { descriptive }]) => {
    const result = evaluation[name];
    return descriptive || !result ? [] : [[name, result]];
  });
  const recalls = Object.entries(evaluation.recallAt ?? {}).map(([k, result]) => [`recall@${k}`, result]);
  return Object.fromEntries([...metrics, ...recalls]);
}

/** The defined metrics; with several labels also those of each label, as `<label>.<metric>`. */
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
