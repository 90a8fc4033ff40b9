import type { EvictionRule } from "../../graph/translation.js";
import { lfuScore, usesOf } from "./lfu-score.js";
import { Rounded } from "./rounded.js";

/** What eviction goes by. */
export interface Scores {
  /** The score of a key after a step in which it occurred. */
  after(before: number | undefined, occurrences: number, step: number): number;
  /** As people read it. */
  shown(score: number): number;
  /** In the state of a table, which is the same on all backends. */
  saved(score: number): bigint;
  restored(saved: bigint): number;
}

export function scoresOf(evict: EvictionRule): Scores {
  if (evict.kind === "lfu") return COUNTS;
  if (evict.kind === "lfuDecay") return decayed(evict.halfLife);
  return LAST_USES;
}

const LAST_USES: Scores = {
  after: (_before, _occurrences, step) => step,
  shown: (score) => score,
  saved: BigInt,
  restored: Number,
};

/** Older states have only the occurrences. */
const COUNTS: Scores = {
  after: (before, occurrences, step) =>
    lfuScore({ count: (before === undefined ? 0 : usesOf(before).count) + occurrences, step }),
  shown: (score) => usesOf(score).count,
  saved(score) {
    const { count, step } = usesOf(score);
    return (BigInt(count) << 32n) | BigInt(step);
  },
  restored(saved) {
    const count = saved >> 32n;
    if (count === 0n) return lfuScore({ count: Math.max(1, Number(saved)), step: 0 });
    return lfuScore({ count: Number(count), step: Number(BigInt.asUintN(32, saved)) });
  },
};

/** The unit of a logarithm, and the one that it has in the state of a table. */
const [UNIT, SAVED_UNIT] = [2 ** 25, 2n ** 32n];
const LOGARITHM = new Rounded(28);
/** The largest one, which has 64 bits in the state of a table. */
const MOST = 2 ** 57 - 2 ** 29;

/**
 * With `c = sum 2^(s/h)` over the steps s of the occurrences, `c / 2^(t/h)` is the decayed count at step t: the order of
 * keys by c is theirs by the decayed count at any time, so that nothing changes as time passes. The score is
 * `log2 c`, rounded down to a multiple of 2^-25 and to 28 bits, in exactly these operations: all backends have the same bits. So it
 * tells single steps apart up to about step 2^27.
 */
function decayed(halfLife: number): Scores {
  const saved = (score: number) => (BigInt(LOGARITHM.number(score)) * SAVED_UNIT) / BigInt(UNIT);
  return {
    after(before, occurrences, step) {
      const now = step / halfLife;
      const count = before === undefined ? 0 : exp2(LOGARITHM.number(before) / UNIT - now);
      const after = Math.floor((now + log2(count + occurrences)) * UNIT);
      return LOGARITHM.of(Math.min(after, MOST));
    },
    shown: (score) => Number(saved(score)),
    saved: (score) => BigInt.asIntN(64, saved(score)),
    restored: (saved) => LOGARITHM.of(Number((BigInt.asUintN(64, saved) * BigInt(UNIT)) / SAVED_UNIT)),
  };
}

/** 2^x for x from -2^20 to 1000, by the series of e^(f ln 2) for the fraction f. */
function exp2(x: number): number {
  if (x < -200) return 0;
  const whole = Math.floor(x);
  const f = (x - whole) * Math.LN2;
  let sum = 1;
  for (let n = 18; n >= 1; n--) sum = 1 + (f * sum) / n;
  for (let n = 0; n < whole; n++) sum *= 2;
  for (let n = 0; n > whole; n--) sum *= 0.5;
  return sum;
}

/** log2 x for x from 1 to 2^1000, by the series of the area hyperbolic tangent. */
function log2(x: number): number {
  let whole = 0;
  let m = x;
  for (; m >= 2; whole++) m *= 0.5;
  const z = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 39; n >= 1; n -= 2) sum = sum * z * z + 1 / n;
  return whole + (2 * z * sum) / Math.LN2;
}
