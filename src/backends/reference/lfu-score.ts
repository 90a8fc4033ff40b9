import { Rounded } from "./rounded.js";

/*
 * The score of lfu: occurrences, and for equal ones the step of the last use, in 32 bits. A count from 2^p to below 2^(p + 1) has p
 * bits after the first one, in front of them stands p, and the other 27 - p bits are for the step. So the step is exact where
 * it matters, among the many ids of small counts. It is rounded down to a multiple of 2^p, and from step 2^24 on to 24 bits.
 */

/** What is known of a key. */
export interface Uses {
  readonly count: number;
  /** Of the last use, rounded down. */
  readonly step: number;
}

/** Bits for a count after its first one, and a step. */
const BITS = 27;
const MOST_COUNT = 2 ** (BITS + 1) - 1;
/** In 27 bits. */
const STEP = new Rounded(24);

/** A count that is larger than 2^28 - 1 is that number. */
export function lfuScore({ count, step }: Uses): number {
  const kept = Math.min(count, MOST_COUNT);
  const power = log2(kept);
  const rest = (kept - 2 ** power) * 2 ** (BITS - power);
  return power * 2 ** BITS + rest + Math.floor(STEP.of(step) / 2 ** power);
}

export function usesOf(score: number): Uses {
  const power = Math.floor(score / 2 ** BITS);
  const bits = score % 2 ** BITS;
  const unit = 2 ** (BITS - power);
  return { count: 2 ** power + Math.floor(bits / unit), step: STEP.number((bits % unit) * 2 ** power) };
}

/** The whole part of the binary logarithm of a 32-bit number; that of 0 does not matter. */
const log2 = (x: number): number => 31 - Math.clz32(x);
