import type { Memory, RunResult } from "../backends/backend.js";
import { AUC_BINS, FadingMean, type MetricResult, StreamingAuc } from "../metrics/index.js";
import { columnOf } from "./evaluate.js";
import { ROW_SUMS } from "./step/model-graphs.js";
import type { RowMean, Task } from "./task.js";

/**
 * Metrics of the latest training rows, in constant memory: AUC for probabilities, accuracy for classes, mean absolute
 * error for numbers; one per label. Ignores weights.
 */
export class TrainingMetrics {
  /** The outputs of the training graph that {@link add} reads. */
  readonly outputs: readonly string[];
  readonly #metric: CallMetric;

  /**
   * @param counts the parameter SCORE_COUNTS of the training program; used if the task has no mean over rows
   * @param halfLifeRows number of rows after which a row's weight halves; default: all rows have equal weight
   */
  constructor(
    { rowMean }: Task,
    labels: readonly string[],
    counts: Memory | undefined,
    halfLifeRows?: number,
  ) {
    this.#metric = rowMean
      ? new MeanOverRows(rowMean, labels, halfLifeRows)
      : new CountedAuc(counts!, labels, halfLifeRows);
    this.outputs = this.#metric.outputs;
  }

  /** Adds the rows of a call of the training program. */
  add(result: RunResult, rows: number): void {
    this.#metric.add(result, rows);
  }

  /** The metrics that are defined. */
  values(): Record<string, number> {
    return Object.fromEntries(
      this.#metric
        .results()
        .flatMap(([name, result]) => (result.defined ? [[name, result.value] as const] : [])),
    );
  }

  /** Discards all rows. */
  reset(): void {
    this.#metric.reset();
  }
}

/** A metric per label, updated with each call. */
interface CallMetric {
  readonly outputs: readonly string[];
  add(result: RunResult, rows: number): void;
  results(): (readonly [name: string, result: MetricResult])[];
  reset(): void;
}

const nameOf = (metric: string, label: string, labels: readonly string[]): string =>
  labels.length === 1 ? metric : `${label}.${metric}`;

/** The AUC of each label, from counts kept by the training program, without reading logits. */
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

/** A mean over rows for each label: accuracy of classes, absolute error of numbers. */
class MeanOverRows implements CallMetric {
  readonly outputs = [ROW_SUMS];
  readonly #means: readonly FadingMean[];

  constructor(
    private readonly mean: RowMean,
    private readonly labels: readonly string[],
    halfLifeRows?: number,
  ) {
    this.#means = labels.map(() => new FadingMean(halfLifeRows));
  }

  add(result: RunResult, rows: number): void {
    const ofSteps = result.get(ROW_SUMS)!; // [steps, labels]
    this.#means.forEach((mean, k) => {
      mean.add(
        columnOf(ofSteps, k, this.labels.length).reduce((sum, ofStep) => sum + ofStep, 0),
        rows,
      );
    });
  }

  results(): (readonly [string, MetricResult])[] {
    const { metric } = this.mean;
    return this.#means.map((mean, k) => [nameOf(metric, this.labels[k], this.labels), mean.result()]);
  }

  reset(): void {
    for (const mean of this.#means) mean.reset();
  }
}
