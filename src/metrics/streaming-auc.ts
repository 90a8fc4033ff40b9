import { checkBinaryInput } from "./binary-input.js";
import { sigmoid } from "./binary-sums.js";
import type { MetricResult } from "./metric.js";
import { PairCount } from "./pair-count.js";

/** Number of equal-width bins over probabilities. */
export const AUC_BINS = 4096;

/**
 * AUC of a stream in constant memory, for progress lines; reports use the exact {@link auc}. Keeps a histogram of
 * sigmoid(logit) for each label. Pairs in different bins are ranked exactly; a pair within a bin counts one half, so
 * the error is at most half the share of pairs within a bin. {@link errorBound} computes this bound from the counts.
 */
export class StreamingAuc {
  readonly #positive = new Float64Array(AUC_BINS);
  readonly #negative = new Float64Array(AUC_BINS);

  /** @param halfLifeRows number of rows after which a row's weight halves; default: all rows have equal weight */
  constructor(private readonly halfLifeRows = Number.POSITIVE_INFINITY) {}

  /** @param logits [N] @param labels [N] 0 or 1 @param weights [N] optional @throws MetricError */
  add(logits: Float32Array, labels: Float32Array, weights?: Float32Array): void {
    checkBinaryInput(logits, labels, weights);
    this.#fade(logits.length);
    for (let row = 0; row < logits.length; row++) {
      const bin = Math.min(AUC_BINS - 1, Math.floor(sigmoid(logits[row]) * AUC_BINS));
      const counts = labels[row] === 1 ? this.#positive : this.#negative;
      counts[bin] += weights ? weights[row] : 1;
    }
  }

  /**
   * Adds rows already counted in bins.
   * @param negative [AUC_BINS] rows with label 0
   * @param positive [AUC_BINS] rows with label 1
   * @param rows the total of both
   */
  addCounts(negative: Float32Array, positive: Float32Array, rows: number): void {
    this.#fade(rows);
    for (let bin = 0; bin < AUC_BINS; bin++) {
      this.#negative[bin] += negative[bin];
      this.#positive[bin] += positive[bin];
    }
  }

  result(): MetricResult {
    return this.#pairs().auc();
  }

  /** The exact AUC lies within this distance of {@link result}; 0 when the AUC is undefined. */
  errorBound(): number {
    return this.#pairs().tieBound();
  }

  /** Discards all rows, at the start of an epoch. */
  reset(): void {
    this.#positive.fill(0);
    this.#negative.fill(0);
  }

  /** Rows added together are treated as equally old. */
  #fade(rows: number): void {
    const kept = 0.5 ** (rows / this.halfLifeRows);
    if (kept === 1) return;
    for (const counts of [this.#positive, this.#negative]) {
      for (let bin = 0; bin < AUC_BINS; bin++) counts[bin] *= kept;
    }
  }

  #pairs(): PairCount {
    const pairs = new PairCount();
    for (let bin = 0; bin < AUC_BINS; bin++) pairs.addTie(this.#positive[bin], this.#negative[bin]);
    return pairs;
  }
}
