/**
 * An exponential moving average in which the weight of a row halves every `halfLifeRows` rows, with the bias correction of
 * Adam. Batches count by their rows.
 */
export class SmoothedMean {
  #sum = 0;
  #weight = 0;

  constructor(private readonly halfLifeRows = 100_000) {}

  /** @param mean over `rows` rows @returns the smoothed mean */
  add(mean: number, rows: number): number {
    const kept = 0.5 ** (rows / this.halfLifeRows);
    this.#sum = kept * this.#sum + (1 - kept) * mean;
    this.#weight = kept * this.#weight + (1 - kept);
    return this.#weight === 0 ? mean : this.#sum / this.#weight;
  }
}

/** Rows per second over the last few seconds: an exponential average over rows and time. */
export class Rate {
  #rows = 0;
  #seconds = 0;

  /** @param startedAt milliseconds @param halfLifeSeconds */
  constructor(
    private lastAt: number,
    private readonly halfLifeSeconds = 5,
  ) {}

  /** @returns the rate, undefined while no time has passed */
  add(rows: number, now: number): number | undefined {
    const seconds = Math.max(0, now - this.lastAt) / 1000;
    const kept = 0.5 ** (seconds / this.halfLifeSeconds);
    this.lastAt = now;
    this.#rows = kept * this.#rows + rows;
    this.#seconds = kept * this.#seconds + seconds;
    return this.#seconds === 0 ? undefined : this.#rows / this.#seconds;
  }
}
