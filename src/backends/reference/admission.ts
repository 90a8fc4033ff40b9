import type { DynamicSpec } from "../../graph/translation.js";
import { finish64 } from "../../murmur3.js";
import { draw, drawKey, rowDraws } from "../../random.js";
import type { Draws } from "../backend.js";
import { expectedKeys } from "../dynamic-spec.js";
import { inCheckpointOrder } from "./key-order.js";

/** Decides which new keys get a row. Changes are reverted by what `count` and `forget` return. */
export interface Admitter {
  /** Counts occurrences of a key without a row. */
  count(key: bigint, occurrences: number): () => void;
  /** Whether the key gets a row in this step. */
  admits(key: bigint, step: number): boolean;
  /** Forgets the occurrences of a key, because it gets a row. */
  forget(key: bigint): () => void;
  /** The number of counters, and the counters. */
  state(): bigint[];
  /** Restores a state that begins with the number of counters; undefined if it is not one of this admitter. */
  restore(state: BigInt64Array): (() => void) | undefined;
}

export function admitterOf({ admit, capacity }: DynamicSpec, draws: Draws): Admitter {
  if (admit === undefined) return new Stateless(() => true);
  if ("probability" in admit)
    return new Stateless((key, step) => isDrawn(admit.probability, key, step, draws));
  return admit.counter === "exact" ? new ExactCounter(admit.count) : new BloomCounter(admit, capacity);
}

function isDrawn(probability: number, key: bigint, step: number, { seed, stream }: Draws): boolean {
  const draws = rowDraws(drawKey(seed, stream, step), key, 1);
  return draw(draws.key, draws.first) < probability * 2 ** 32;
}

const nothing = (): void => undefined;

class Stateless implements Admitter {
  constructor(readonly admits: (key: bigint, step: number) => boolean) {}
  count = () => nothing;
  forget = () => nothing;
  state = () => [0n];
  restore = (state: BigInt64Array) => (state.length === 1 && state[0] === 0n ? nothing : undefined);
}

/** Counts each key by itself. */
class ExactCounter implements Admitter {
  private counts = new Map<bigint, number>();

  constructor(private readonly least: number) {}

  count(key: bigint, occurrences: number): () => void {
    const before = this.counts.get(key);
    this.counts.set(key, (before ?? 0) + occurrences);
    return () => (before === undefined ? this.counts.delete(key) : this.counts.set(key, before));
  }

  admits(key: bigint): boolean {
    return this.counts.get(key)! >= this.least;
  }

  forget(key: bigint): () => void {
    const before = this.counts.get(key);
    this.counts.delete(key);
    return () => before !== undefined && this.counts.set(key, before);
  }

  state(): bigint[] {
    const keys = inCheckpointOrder(this.counts.keys());
    return [BigInt(keys.length), ...keys, ...keys.map((key) => BigInt(this.counts.get(key)!))];
  }

  restore(state: BigInt64Array): (() => void) | undefined {
    const size = Number(state[0]);
    const keys = state.subarray(1, 1 + size);
    const counts = new Map(Array.from(keys, (key, i) => [key, Number(state[1 + size + i])]));
    if (state.length !== 1 + 2 * size || counts.size < size) return undefined;
    return () => {
      this.counts = counts;
    };
  }
}

const HASHES = 4;
/** The golden ratio of 2^64. */
const APART = 0x9e3779b97f4a7c15n;
/** Per expected key: one in 18 of as many other keys is counted too high. */
const COUNTERS_PER_KEY = 6;
const MOST = 0xffff;
/** 16-bit counters of a 64-bit number of the state. */
const PACKED = 4;

/** A counting Bloom filter (Fan et al., "Summary cache", 2000): a key's count is the least of its counters. */
class BloomCounter implements Admitter {
  private readonly counters: Uint16Array;

  constructor(
    private readonly rule: { readonly count: number; readonly expect?: number },
    capacity: number,
  ) {
    this.counters = new Uint16Array(expectedKeys(rule, capacity) * COUNTERS_PER_KEY);
  }

  count(key: bigint, occurrences: number): () => void {
    return this.add(key, occurrences);
  }

  admits(key: bigint): boolean {
    return this.estimate(key) >= this.rule.count;
  }

  forget(key: bigint): () => void {
    return this.add(key, -this.estimate(key));
  }

  state(): bigint[] {
    const words = new BigUint64Array(Math.ceil(this.counters.length / PACKED));
    this.counters.forEach((value, i) => {
      words[Math.floor(i / PACKED)] |= BigInt(value) << BigInt(16 * (i % PACKED));
    });
    return [BigInt(this.counters.length), ...new BigInt64Array(words.buffer)];
  }

  restore(state: BigInt64Array): (() => void) | undefined {
    const size = this.counters.length;
    if (state[0] !== BigInt(size) || state.length !== 1 + Math.ceil(size / PACKED)) return undefined;
    const value = (i: number) =>
      Number((state[1 + Math.floor(i / PACKED)] >> BigInt(16 * (i % PACKED))) & BigInt(MOST));
    return () => this.counters.set(Array.from({ length: size }, (_, i) => value(i)));
  }

  private add(key: bigint, change: number): () => void {
    const before = this.places(key).map((place) => [place, this.counters[place]] as const);
    for (const place of this.places(key))
      this.counters[place] = Math.min(MOST, Math.max(0, this.counters[place] + change));
    return () => {
      for (const [place, value] of before) this.counters[place] = value;
    };
  }

  private estimate(key: bigint): number {
    return Math.min(...this.places(key).map((place) => this.counters[place]));
  }

  /** By hashes of the keys that are this far apart: with those of one hash, some keys would have one place four times. */
  private places(key: bigint): number[] {
    const counters = BigInt(this.counters.length);
    const hashes = Array.from({ length: HASHES }, (_, i) =>
      finish64(BigInt.asUintN(64, key + BigInt(i) * APART)),
    );
    return hashes.map((hash) => Number(((hash >> 32n) * counters) >> 32n));
  }
}
