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
  directionOf,
  formatMetric,
  isBetter,
  METRIC_DIRECTIONS,
  MetricError,
  type MetricResult,
  MONITORED_METRICS,
  type MonitoredMetric,
  partsOf,
  type WatchedMetric,
} from "./metric.js";
export { metricValues, namedMetrics } from "./metric-values.js";
export { normalizedEntropy } from "./normalized-entropy.js";
export { largestOf, softmaxRows } from "./softmax.js";
export { AUC_BINS, StreamingAuc } from "./streaming-auc.js";
export { watchedMetricSchema } from "./watched-metric.js";
export { xauc } from "./xauc.js";
