import { ExecutionError } from "../errors.js";
import type { RowInitializer } from "../graph/initializer.js";
import type { AdmissionRule, DynamicSpec, EvictionRule } from "../graph/translation.js";
import type { AttachedRows } from "./backend.js";

/** Rows are numbered in 31 bits. */
const MOST_KEYS = 2 ** 31 - 1;
/** Steps and counts are kept in 32 bits, those of a Bloom filter in 16. */
const MOST_COUNT = 2 ** 32 - 1;
const MOST_BLOOM_COUNT = 2 ** 16 - 1;
/** Scores of lfuDecay have 32 bits for the half-lives since the first step, so a step has at most one. */
const LEAST_HALF_LIFE = 1;
/** The counters of a Bloom filter are found with 32 bits of a hash. */
const MOST_EXPECTED = 2 ** 29;

/**
 * Returns the spec.
 * @throws ExecutionError if one of its numbers is out of range
 */
export function checkDynamicSpec(spec: DynamicSpec): DynamicSpec {
  const { capacity, growFrom = 1, admit, evict } = spec;
  whole("capacity", capacity, MOST_KEYS);
  whole("growFrom", growFrom, capacity);
  if (admit && "probability" in admit) above("admit.probability", admit.probability, 1);
  else if (admit) {
    whole("admit.count", admit.count, admit.counter === "exact" ? MOST_COUNT : MOST_BLOOM_COUNT);
    const expected = admit.counter === "bloom" ? expectedKeys(admit, capacity) : (admit.expect ?? 1);
    whole("admit.expect", expected, MOST_EXPECTED);
  }
  if (evict.kind === "lfuDecay") between("evict.halfLife", evict.halfLife, LEAST_HALF_LIFE, MOST_COUNT);
  if (evict.kind === "age") whole("evict.steps", evict.steps, MOST_COUNT);
  if (evict.kind === "norm") {
    above("evict.below", evict.below, Number.MAX_VALUE);
    whole("evict.every", evict.every, MOST_COUNT);
  }
  return spec;
}

const EVICTIONS: readonly EvictionRule["kind"][] = ["never", "lru", "lfu", "lfuDecay", "age", "norm"];

/** In the state of a table, which is the same on all backends, and for the native core. */
export function codeOfEviction({ kind }: EvictionRule): number {
  return EVICTIONS.indexOf(kind);
}

/** Likewise. */
export function codeOfAdmission(admit?: AdmissionRule): number {
  if (admit === undefined) return 0;
  return "probability" in admit ? 1 : admit.counter === "exact" ? 2 : 3;
}

/** The keys that a Bloom filter is for. */
export function expectedKeys({ expect }: { readonly expect?: number }, capacity: number): number {
  return expect ?? capacity;
}

/** The initial values of row 0 of an attached memory. */
export function initOfUnknown({ unknown }: DynamicSpec, { init, weights }: AttachedRows): RowInitializer {
  if (unknown === "shared" || !weights) return init;
  return unknown === "zero" ? { kind: "constant", value: 0 } : unknown;
}

function whole(where: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw outOfRange(where, value, `a whole number from 1 to ${most}`);
}

function between(where: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) throw outOfRange(where, value, `${least} to ${most}`);
}

function above(where: string, value: number, most: number): void {
  if (!(value > 0 && value <= most)) throw outOfRange(where, value, `above 0, at most ${most}`);
}

function outOfRange(where: string, value: number, expected: string): ExecutionError {
  return new ExecutionError({
    what: "a number of a dynamic table is out of range",
    where,
    got: String(value),
    expected,
  });
}
