import type { NumberStatistics } from "../../features/fit.js";

/**
 * Mean, population standard deviation (Welford's algorithm), minimum and maximum of the finite numbers. They depend on the
 * order of the numbers alone, and rows come in the order of the source, whatever the number of threads.
 */
export class Moments {
  private count = 0;
  private mean = 0;
  private squares = 0;
  private min = Number.POSITIVE_INFINITY;
  private max = Number.NEGATIVE_INFINITY;

  add(x: number): void {
    if (!Number.isFinite(x)) return;
    this.count++;
    const before = x - this.mean;
    this.mean += before / this.count;
    this.squares += before * (x - this.mean);
    if (x < this.min) this.min = x;
    if (x > this.max) this.max = x;
  }

  /** `undefined` without a finite number. */
  statistics(): NumberStatistics | undefined {
    const { mean, squares, count, min, max } = this;
    return count === 0 ? undefined : { mean, std: Math.sqrt(squares / count), min, max };
  }
}
