import type { DynamicSpec } from "../src/graph/translation.js";

const MISSING = -(2n ** 63n);
/** The unit of the counts of lfu. */
const UNIT = 2 ** 32;
/** The unit of the scores of lfuDecay, which are logarithms. */
const FINEST = 2 ** -25;

/** The count, then the step: rounded down to 24 bits, and to a multiple of the largest power of two that is in the count. */
export function lfuScore(count: number, step: number): number {
  const power = 2 ** Math.floor(Math.log2(count));
  const unit = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, step))) - 23);
  return count * UNIT + Math.floor(Math.floor(step / unit) / power) * power * unit;
}

/** A logarithm, rounded down to a multiple of 2^-25 and to 28 bits. */
export function decayScore(logarithm: number): number {
  const unit = Math.max(FINEST, 2 ** (Math.floor(Math.log2(logarithm)) - 27));
  return Math.floor(logarithm / unit) * unit;
}

/** A key with a row. A step puts another one in its place, so that the step can be reverted. */
interface Known {
  readonly lastStep: number;
  /** What eviction goes by. */
  readonly score: number;
  /** A number that the test wrote to the row. */
  value: number;
}

/** What a dynamic table has to do, in the words of its documentation: maps of keys, and no rows. */
export class TableModel {
  readonly known = new Map<bigint, Known>();
  /** Occurrences of keys without a row. */
  private readonly waiting = new Map<bigint, number>();
  /** Reverts the changes of the last step, if called from the last to the first. */
  private undo: (() => void)[] = [];

  constructor(
    private readonly spec: DynamicSpec,
    /** The value of a row that no test has written to. */
    private readonly initial: (key: bigint) => number,
    /** Whether a key is drawn in a step, for admission by probability. */
    private readonly drawn: (key: bigint, step: number) => boolean,
  ) {}

  /** False if the table has no room for the keys of the step; nothing has changed then. */
  step(keys: readonly bigint[], step: number): boolean {
    this.undo = [];
    this.forgetOld(step);
    const used = new Map<bigint, number>();
    for (const key of keys) used.set(key, (used.get(key) ?? 0) + 1);
    const fresh = [...used].filter(([key, times]) => !this.known.has(key) && this.letIn(key, times, step));
    if (!this.makeRoom(fresh.length, used)) {
      this.revert();
      return false;
    }
    for (const [key] of fresh) this.put(this.waiting, key, undefined);
    const present = new Set(fresh.map(([key]) => key));
    for (const [key, times] of used) {
      const before = this.known.get(key);
      if (!before && !present.has(key)) continue;
      const score = this.scoreAfter(before?.score, step, times);
      this.put(this.known, key, { lastStep: step, score, value: before?.value ?? this.initial(key) });
    }
    return true;
  }

  revert(): void {
    for (const undo of this.undo.reverse()) undo();
    this.undo = [];
  }

  private put<V>(map: Map<bigint, V>, key: bigint, value: V | undefined): void {
    const set = (to: V | undefined) => void (to === undefined ? map.delete(key) : map.set(key, to));
    const before = map.get(key);
    this.undo.push(() => set(before));
    set(value);
  }

  private forgetOld(step: number): void {
    const { evict } = this.spec;
    for (const [key, { lastStep, value }] of this.known) {
      const unused = evict.kind === "age" && step - lastStep > evict.steps;
      const small = evict.kind === "norm" && step % evict.every === 0 && Math.abs(value) < evict.below;
      if ((unused || small) && key !== MISSING) this.put(this.known, key, undefined);
    }
  }

  private letIn(key: bigint, times: number, step: number): boolean {
    const { admit } = this.spec;
    if (admit === undefined || key === MISSING) return true;
    if ("probability" in admit) return this.drawn(key, step);
    const count = (this.waiting.get(key) ?? 0) + times;
    this.put(this.waiting, key, count);
    return count >= admit.count;
  }

  private makeRoom(fresh: number, used: ReadonlyMap<bigint, number>): boolean {
    const lacking = this.known.size + fresh - this.spec.capacity;
    if (lacking <= 0) return true;
    if (this.spec.evict.kind === "never" || this.spec.evict.kind === "norm") return false;
    const idle = [...this.known].filter(([key]) => key !== MISSING && !used.has(key));
    if (idle.length < lacking) return false;
    const unsigned = (key: bigint) => BigInt.asUintN(64, key);
    idle.sort(([a, { score: x }], [b, { score: y }]) => x - y || (unsigned(a) < unsigned(b) ? -1 : 1));
    for (const [key] of idle.slice(0, lacking)) this.put(this.known, key, undefined);
    return true;
  }

  private scoreAfter(before: number | undefined, step: number, times: number): number {
    const { evict } = this.spec;
    if (evict.kind === "lfu") return lfuScore(Math.floor((before ?? 0) / UNIT) + times, step);
    if (evict.kind !== "lfuDecay") return step;
    const now = step / evict.halfLife;
    const faded = before === undefined ? 0 : 2 ** (before - now);
    return decayScore(now + Math.log2(faded + times));
  }
}
