import { defined, type MetricResult, undefinedBecause } from "./metric.js";

/** Counts correctly ranked (positive, negative) pairs, from groups of tied rows in ascending order of score. */
export class PairCount {
  #positive = 0;
  #negative = 0;
  #ordered = 0;
  #tied = 0;

  /** Adds the rows with the next higher score, given the weight of their positives and negatives. */
  addTie(positive: number, negative: number): void {
    const tied = positive * negative;
    this.#ordered += positive * this.#negative + tied * 0.5;
    this.#tied += tied;
    this.#positive += positive;
    this.#negative += negative;
  }

  auc(): MetricResult {
    if (this.#positive + this.#negative === 0) return undefinedBecause("no rows with weight");
    if (this.#negative === 0) return undefinedBecause("all labels are 1");
    if (this.#positive === 0) return undefinedBecause("all labels are 0");
    return defined(this.#ordered / (this.#positive * this.#negative));
  }

  /** The largest change of the AUC from breaking ties: half the share of tied pairs. */
  tieBound(): number {
    return this.#tied === 0 ? 0 : this.#tied / 2 / (this.#positive * this.#negative);
  }
}
