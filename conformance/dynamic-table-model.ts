import type { DynamicSpec } from "../src/graph/translation.js";

const MISSING = -(2n ** 63n);

interface Known {
  /** Steps of all occurrences since the key got its row. */
  readonly steps: number[];
  /** A number that the test wrote to the row. */
  value: number;
}

/** What a dynamic table has to do, in the words of its documentation: maps of keys, and no rows. */
export class TableModel {
  known = new Map<bigint, Known>();
  /** Occurrences of keys without a row. */
  private waiting = new Map<bigint, number>();
  private before = { known: this.known, waiting: this.waiting };

  constructor(
    private readonly spec: DynamicSpec,
    /** The value of a row that no test has written to. */
    private readonly initial: (key: bigint) => number,
    /** Whether a key is drawn in a step, for admission by probability. */
    private readonly drawn: (key: bigint, step: number) => boolean,
  ) {}

  /** False if the table has no room for the keys of the step; nothing has changed then. */
  step(keys: readonly bigint[], step: number): boolean {
    this.before = { known: copyOf(this.known), waiting: new Map(this.waiting) };
    this.forgetOld(step);
    const distinct = [...new Set(keys)];
    const fresh = distinct.filter((key) => !this.known.has(key) && this.letIn(key, keys, step));
    if (!this.makeRoom(fresh, distinct)) {
      this.revert();
      return false;
    }
    for (const key of fresh) {
      this.known.set(key, { steps: [], value: this.initial(key) });
      this.waiting.delete(key);
    }
    for (const key of keys) this.known.get(key)?.steps.push(step);
    return true;
  }

  revert(): void {
    this.known = this.before.known;
    this.waiting = this.before.waiting;
  }

  private forgetOld(step: number): void {
    const { evict } = this.spec;
    for (const [key, { steps, value }] of this.known) {
      const unused = evict.kind === "age" && step - steps.at(-1)! > evict.steps;
      const small = evict.kind === "norm" && step % evict.every === 0 && Math.abs(value) < evict.below;
      if ((unused || small) && key !== MISSING) this.known.delete(key);
    }
  }

  private letIn(key: bigint, keys: readonly bigint[], step: number): boolean {
    const { admit } = this.spec;
    if (admit === undefined || key === MISSING) return true;
    if ("probability" in admit) return this.drawn(key, step);
    const count = (this.waiting.get(key) ?? 0) + keys.filter((other) => other === key).length;
    this.waiting.set(key, count);
    return count >= admit.count;
  }

  private makeRoom(fresh: readonly bigint[], used: readonly bigint[]): boolean {
    const lacking = this.known.size + fresh.length - this.spec.capacity;
    if (lacking <= 0) return true;
    if (this.spec.evict.kind === "never" || this.spec.evict.kind === "norm") return false;
    const idle = [...this.known.keys()].filter((key) => key !== MISSING && !used.includes(key));
    if (idle.length < lacking) return false;
    const unsigned = (key: bigint) => BigInt.asUintN(64, key);
    idle.sort((a, b) => this.score(a) - this.score(b) || (unsigned(a) < unsigned(b) ? -1 : 1));
    for (const key of idle.slice(0, lacking)) this.known.delete(key);
    return true;
  }

  private score(key: bigint): number {
    const { evict } = this.spec;
    const { steps } = this.known.get(key)!;
    if (evict.kind === "lfu") return steps.length;
    if (evict.kind !== "lfuDecay") return steps.at(-1)!;
    const last = steps.at(-1)!;
    const faded = steps.reduce((sum, step) => sum + 2 ** ((step - last) / evict.halfLife), 0);
    return last / evict.halfLife + Math.log2(faded);
  }
}

function copyOf(known: ReadonlyMap<bigint, Known>): Map<bigint, Known> {
  return new Map([...known].map(([key, { steps, value }]) => [key, { steps: [...steps], value }]));
}
