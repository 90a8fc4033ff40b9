export { auc } from "./auc.js";
export { baseRate, baseRateLogLoss, binaryEntropy } from "./base-rate.js";
export { calibration } from "./calibration.js";
export { evaluateBinary, type Groups } from "./evaluate-binary.js";
export { evaluateClasses } from "./evaluate-classes.js";
export { evaluateRegression } from "./evaluate-regression.js";
export { type Evaluation, evaluationOf } from "./evaluation.js";
export { FadingMean } from "./fading-mean.js";
export { logLoss } from "./log-loss.js";
export {
  type Direction,
  formatMetric,
  isBetter,
  MetricError,
  type MetricResult,
} from "./metric.js";
export { metricValues, namedMetrics } from "./metric-values.js";
export {
  directionOf,
  METRIC_LIST,
  METRICS,
  type Metric,
  type MetricName,
  MONITORED_METRICS,
  type MonitoredMetric,
  type OptionalMetric,
  type Prediction,
  partsOf,
  type WatchedMetric,
} from "./metrics.js";
export { normalizedEntropy } from "./normalized-entropy.js";
export { largestOf, softmaxRows } from "./softmax.js";
export { AUC_BINS, StreamingAuc } from "./streaming-auc.js";
export { watchedMetricSchema } from "./watched-metric.js";
export { xauc } from "./xauc.js";
