/**
 * Seconds that a call of the executor should take: short enough for progress updates and Ctrl-C, and long enough that what
 * happens between calls, and what ranks cannot do ahead in the first step of one, hardly counts.
 */
const CALL_SECONDS = 0.25;
const FIRST_STEPS = 4;
/** Limits how much longer the next call may be, because one fast call may be an exception. */
const MOST_GROWTH = 4;

/** Chooses the number of steps per call from the duration of earlier calls. */
export class CallPacer {
  #steps = FIRST_STEPS;

  /** Steps for the next call. */
  get steps(): number {
    return this.#steps;
  }

  /** Records that a call of `steps` steps took this long. */
  observe(steps: number, seconds: number): void {
    const wanted = Math.round((steps * CALL_SECONDS) / Math.max(seconds, 1e-4));
    this.#steps = Math.max(1, Math.min(wanted, this.#steps * MOST_GROWTH));
  }
}
