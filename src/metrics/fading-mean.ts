import { defined, type MetricResult, undefinedBecause } from "./metric.js";

/** A mean over a stream of rows in which a row's weight halves with every `halfLifeRows` later rows. */
export class FadingMean {
  #sum = 0;
  #rows = 0;

  /** @param halfLifeRows default: all rows have equal weight */
  constructor(private readonly halfLifeRows = Number.POSITIVE_INFINITY) {}

  /** @param sum over `rows` rows, which are treated as equally old */
  add(sum: number, rows: number): void {
    const kept = 0.5 ** (rows / this.halfLifeRows);
    this.#sum = kept * this.#sum + sum;
    this.#rows = kept * this.#rows + rows;
  }

  result(): MetricResult {
    return this.#rows === 0 ? undefinedBecause("no rows") : defined(this.#sum / this.#rows);
  }

  reset(): void {
    this.#sum = 0;
    this.#rows = 0;
  }
}
