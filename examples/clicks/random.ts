/*
 * Random draws that need nothing but Node: each is a function of a key, so the same rows are written on every machine.
 */

/** 32 bits that depend on all of these integers: the finalizer of MurmurHash3 after each. */
function hash(...values: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const value of values) {
    h ^= value;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
}

/** The draws of one key, one after the other. */
export class Random {
  private index = 0;
  private readonly key: number;

  constructor(...key: readonly number[]) {
    this.key = hash(...key);
  }

  /** Uniform in (0, 1). */
  unit(): number {
    return (hash(this.key, this.index++) + 0.5) / 2 ** 32;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }

  /** An integer in [0, n). */
  below(n: number): number {
    return Math.floor(n * this.unit());
  }

  /** An integer in [0, n) whose density falls as 1 / (1 + x). */
  power(n: number): number {
    return Math.min(n - 1, Math.floor(Math.exp(this.unit() * Math.log(n + 1)) - 1));
  }

  isTrue(logit: number): 0 | 1 {
    return this.unit() < 1 / (1 + Math.exp(-logit)) ? 1 : 0;
  }
}

/** Uniform in (0, 1), the same for these values in every row. */
export const fixed = (...values: readonly number[]): number => new Random(1, ...values).unit();

/** A normal effect, the same for these values in every row. */
export const effect = (...values: readonly number[]): number => new Random(2, ...values).normal();
