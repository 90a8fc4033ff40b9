import type { Memory, RunResult } from "../backends/backend.js";
import { AUC_BINS, FadingMean, largestOf, type MetricResult, StreamingAuc } from "../metrics/index.js";
import { columnOf } from "./evaluate.js";
import { classesOf, type Loss } from "./step/loss.js";
import { countsScores, LABELS, LOGITS } from "./step/model-graphs.js";

/**
 * What training shows of the rows it has just trained on, in constant memory: the AUC of probabilities, the accuracy of
 * classes, the mean absolute error of numbers; of several labels, each. Weights do not count.
 */
export class TrainingMetrics {
  /** The outputs of the training graph that {@link add} reads. */
  readonly outputs: readonly string[];
  readonly #metric: CallMetric;

  /**
   * @param counts the parameter SCORE_COUNTS of the training program, where it has one
   * @param halfLifeRows rows after which a row counts half; left out, all rows count alike
   */
  constructor(loss: Loss, labels: readonly string[], counts: Memory | undefined, halfLifeRows?: number) {
    this.#metric =
      counts && countsScores(loss)
        ? new CountedAuc(counts, labels, halfLifeRows)
        : new RowMean(loss, labels, halfLifeRows);
    this.outputs = this.#metric.outputs;
  }

  /** Takes in the rows of a call of the training program. */
  add(result: RunResult, rows: number): void {
    this.#metric.add(result, rows);
  }

  /** Those that are defined. */
  values(): Record<string, number> {
    return Object.fromEntries(
      this.#metric
        .results()
        .flatMap(([name, result]) => (result.defined ? [[name, result.value] as const] : [])),
    );
  }

  /** Forgets every row. */
  reset(): void {
    this.#metric.reset();
  }
}

/** A metric of each label, call by call. */
interface CallMetric {
  readonly outputs: readonly string[];
  add(result: RunResult, rows: number): void;
  results(): (readonly [name: string, result: MetricResult])[];
  reset(): void;
}

const nameOf = (metric: string, label: string, labels: readonly string[]): string =>
  labels.length === 1 ? metric : `${label}.${metric}`;

/** The AUC of each label, from the counts that the training program adds to: no logit is read. */
class CountedAuc implements CallMetric {
  readonly outputs = [];
  readonly #aucs: readonly StreamingAuc[];
  readonly #counted: Float32Array;
  readonly #zeros: Float32Array;

  constructor(
    private readonly counts: Memory,
    private readonly labels: readonly string[],
    halfLifeRows?: number,
  ) {
    this.#aucs = labels.map(() => new StreamingAuc(halfLifeRows));
    this.#counted = new Float32Array(counts.elements);
    this.#zeros = new Float32Array(counts.elements);
  }

  add(_: RunResult, rows: number): void {
    this.counts.read(0, this.#counted);
    this.counts.write(0, this.#zeros);
    this.#aucs.forEach((auc, k) => {
      const [negative, positive] = [2 * k, 2 * k + 1].map((part) =>
        this.#counted.subarray(part * AUC_BINS, (part + 1) * AUC_BINS),
      );
      auc.addCounts(negative, positive, rows);
    });
  }

  results(): (readonly [string, MetricResult])[] {
    return this.#aucs.map((auc, k) => [nameOf("auc", this.labels[k], this.labels), auc.result()]);
  }

  reset(): void {
    for (const auc of this.#aucs) auc.reset();
  }
}

/** A mean over rows of each label: accuracy of classes, absolute error of numbers. */
class RowMean implements CallMetric {
  readonly outputs = [LOGITS, LABELS];
  readonly #means: readonly FadingMean[];
  readonly #classes?: number;

  constructor(
    loss: Loss,
    private readonly labels: readonly string[],
    halfLifeRows?: number,
  ) {
    this.#classes = classesOf(loss);
    this.#means = labels.map(() => new FadingMean(halfLifeRows));
  }

  add(result: RunResult): void {
    const [logits, labels] = this.outputs.map((name) => result.get(name)!);
    const width = this.labels.length;
    this.#means.forEach((mean, k) => {
      const [z, y] = [logits, labels].map((values) => columnOf(values, k, width));
      mean.add(this.#classes === undefined ? absoluteErrors(z, y) : rightRows(z, y, this.#classes), y.length);
    });
  }

  results(): (readonly [string, MetricResult])[] {
    const metric = this.#classes === undefined ? "meanAbsoluteError" : "accuracy";
    return this.#means.map((mean, k) => [nameOf(metric, this.labels[k], this.labels), mean.result()]);
  }

  reset(): void {
    for (const mean of this.#means) mean.reset();
  }
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
