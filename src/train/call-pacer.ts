/** Seconds that a call of the executor should take: short enough for progress updates and Ctrl-C. */
const CALL_SECONDS = 0.1;
const FIRST_STEPS = 4;
/** One quick call must not make the next a long one. */
const MOST_GROWTH = 4;

/** Chooses how many steps a call takes, from the time that the calls before took. */
export class CallPacer {
  #steps = FIRST_STEPS;

  /** Steps of the next call. */
  get steps(): number {
    return this.#steps;
  }

  /** A call of `steps` steps took this long. */
  observe(steps: number, seconds: number): void {
    const wanted = Math.round((steps * CALL_SECONDS) / Math.max(seconds, 1e-4));
    this.#steps = Math.max(1, Math.min(wanted, this.#steps * MOST_GROWTH));
  }
}
