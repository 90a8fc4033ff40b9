import { FadingMean, largestOf, type MetricResult, StreamingAuc } from "../metrics/index.js";
import { columnOf } from "./evaluate.js";
import { classesOf, type Loss, predictsNumbers } from "./step/loss.js";

/**
 * What training shows of the rows it has just trained on, in constant memory: the AUC of probabilities, the accuracy of
 * classes, the mean absolute error of numbers; of several labels, each. Weights do not count.
 */
export class TrainingMetrics {
  /** By label, then name. */
  readonly #metrics: readonly Readonly<Record<string, StreamingMetric>>[];

  /** @param halfLifeRows rows after which a row counts half; left out, all rows count alike */
  constructor(loss: Loss, labels: readonly string[], halfLifeRows?: number) {
    this.#metrics = labels.map((label) => {
      const metrics = Object.entries(streamingMetrics(loss, halfLifeRows));
      const named = (name: string) => (labels.length === 1 ? name : `${label}.${name}`);
      return Object.fromEntries(metrics.map(([name, metric]) => [named(name), metric]));
    });
  }

  /** @param logits [N, outputs] @param labels [N, labels] */
  add(logits: Float32Array, labels: Float32Array): void {
    const width = this.#metrics.length;
    this.#metrics.forEach((metrics, k) => {
      const [z, y] = [logits, labels].map((values) => columnOf(values, k, width));
      for (const metric of Object.values(metrics)) metric.add(z, y);
    });
  }

  /** Those that are defined. */
  values(): Record<string, number> {
    const results = this.#metrics
      .flatMap((metrics) => Object.entries(metrics))
      .map(([name, metric]) => [name, metric.result()] as const);
    return Object.fromEntries(
      results.flatMap(([name, result]) => (result.defined ? [[name, result.value]] : [])),
    );
  }

  /** Forgets every row. */
  reset(): void {
    for (const metric of this.#metrics.flatMap((metrics) => Object.values(metrics))) metric.reset();
  }
}

interface StreamingMetric {
  add(logits: Float32Array, labels: Float32Array): void;
  result(): MetricResult;
  reset(): void;
}

function streamingMetrics(loss: Loss, halfLife?: number): Record<string, StreamingMetric> {
  const classes = classesOf(loss);
  if (classes !== undefined) return { accuracy: meanOver(halfLife, (z, y) => rightRows(z, y, classes)) };
  if (predictsNumbers(loss)) return { meanAbsoluteError: meanOver(halfLife, absoluteErrors) };
  return { auc: new StreamingAuc(halfLife) };
}

function meanOver(
  halfLife: number | undefined,
  sum: (logits: Float32Array, labels: Float32Array) => number,
): StreamingMetric {
  const mean = new FadingMean(halfLife);
  return {
    add: (logits, labels) => mean.add(sum(logits, labels), labels.length),
    result: () => mean.result(),
    reset: () => mean.reset(),
  };
}

function rightRows(logits: Float32Array, labels: Float32Array, classes: number): number {
  let right = 0;
  for (let row = 0; row < labels.length; row++)
    if (largestOf(logits, row * classes, classes) === labels[row]) right++;
  return right;
}

function absoluteErrors(predictions: Float32Array, labels: Float32Array): number {
  return labels.reduce((sum, label, row) => sum + Math.abs(predictions[row] - label), 0);
}
