export { auc } from "./auc.js";
export { baseRate, baseRateLogLoss, binaryEntropy } from "./base-rate.js";
export { calibration } from "./calibration.js";
export { type BinaryEvaluation, evaluateBinary } from "./evaluate-binary.js";
export { logLoss } from "./log-loss.js";
export {
  type Direction,
  formatMetric,
  isBetter,
  METRIC_DIRECTIONS,
  MetricError,
  type MetricResult,
  MONITORED_METRICS,
  type MonitoredMetric,
} from "./metric.js";
export { normalizedEntropy } from "./normalized-entropy.js";
export { StreamingAuc } from "./streaming-auc.js";
