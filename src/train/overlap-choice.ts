/** A call of several steps. */
export interface Call {
  readonly steps: number;
  readonly seconds: number;
  /** Of these, those in exchanges with other ranks. */
  readonly exchanging: number;
}

/** Calls are compared by their medians: of so many seconds and calls, after some to warm up. */
const SECONDS = 1;
const CALLS = 7;
const WARM_UP = 2;
/** Below this share of the time in exchanges, overlap costs more than it saves. */
const LEAST_SHARE = 0.1;

/**
 * Chooses whether ranks compute while they exchange. Both ways give the same bits, and which is faster depends on the network, so
 * a run tries the second one if the first spends much of its time in exchanges, and keeps the faster.
 */
export class OverlapChoice {
  #overlaps = false;
  #isSettled = false;
  private calls: Call[] = [];
  private alone = 0;

  /** Whether the next call should. */
  get overlaps(): boolean {
    return this.#overlaps;
  }

  observe(call: Call): void {
    if (this.#isSettled) return;
    this.calls.push(call);
    const calls = this.calls.slice(WARM_UP);
    const seconds = calls.reduce((sum, each) => sum + each.seconds, 0);
    if (calls.length < CALLS || seconds < SECONDS) return;
    const perStep = median(calls.map((each) => each.seconds / each.steps));
    if (this.#overlaps) this.settle(perStep < this.alone);
    else if (median(calls.map((each) => each.exchanging / each.seconds)) < LEAST_SHARE) this.settle(false);
    else [this.#overlaps, this.alone, this.calls] = [true, perStep, []];
  }

  private settle(overlaps: boolean): void {
    this.#overlaps = overlaps;
    this.#isSettled = true;
    this.calls = [];
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}
