import type { RowInitializer } from "./initializer.js";

/** The key of a missing value. It gets a row as soon as it occurs, and keeps it. */
export const MISSING_KEY = -(2n ** 63n);

/** The limit of an input whose ids are keys: 64 bits of any pattern, which only a translation reads. */
export const KEYS = Number.POSITIVE_INFINITY;

/** What training means by the rows of a table. Nothing in it depends on the number of a row. */
export interface RowNames {
  /** The key of a row. Undefined for the row of ids without a row. */
  keyOf(row: number): bigint | undefined;
  /** Whether the row of ids without a row is trained. */
  readonly trainsUnknown: boolean;
}

/** What a step needs from a translation. */
export interface Admission {
  /** The current row of each id. Ids without a row get the row reserved for them. */
  translate(ids: BigInt64Array): Float64Array;
  /**
   * The row of each id in training step `step`; ids without a row may get one.
   * @throws ExecutionError if an id cannot get a row; the translation is then unchanged
   */
  admit(ids: BigInt64Array, step: number): Float64Array;
  /** Absent: a row is its own name. */
  readonly names?: RowNames;
}

/** The translations that backends implement. */
export type TranslationSpec =
  | DynamicSpec
  /** Id i has row `rows[i]`; training changes nothing. */
  | { readonly kind: "permutation"; readonly rows: readonly number[] }
  /**
   * Ids get the rows 1, 2, … in the order in which training first sees them; row 0 is for ids without a row. When the
   * table is full, a step with a new id fails. Rows are never freed.
   */
  | { readonly kind: "firstCome"; readonly rows: number }
  | IdPart;

/** Id i has row `floor(i / by)` or `i mod by`, which is below `rows`; training changes nothing. */
export interface IdPart {
  readonly kind: "quotient" | "remainder";
  readonly by: number;
  readonly rows: number;
}

/**
 * A table whose rows belong to the keys in use. Row 0 is the row of keys without a row, so the table has `capacity + 1`
 * rows. Values, counts and draws belong to keys: a key that returns after its row was taken starts as new.
 */
export interface DynamicSpec {
  readonly kind: "dynamic";
  /** Maximum keys with a row, below 2^31. */
  readonly capacity: number;
  /** Keys for which the index has room at first; it then doubles. Default: 1024. */
  readonly growFrom?: number;
  /** When a new key gets a row. Default: at once. */
  readonly admit?: AdmissionRule;
  readonly evict: EvictionRule;
  /**
   * Row 0: zeros, a trained row, or initial values that are drawn once. Only a shared row is trained and counted in the
   * norm of gradients.
   */
  readonly unknown: "zero" | "shared" | RowInitializer;
}

export type AdmissionRule =
  /**
   * In the step in which the key has occurred `count` times since it last had a row. `exact` counts in a hash map,
   * `bloom` in a counting Bloom filter of fixed size for `expect` keys, where collisions make the count too high.
   */
  | {
      readonly count: number;
      readonly counter: "exact" | "bloom";
      readonly expect?: number;
    }
  /** With this probability in each step in which the key occurs. */
  | { readonly probability: number };

/**
 * Which keys lose their rows. Where new keys need rows, those of the lowest score do, of equal scores those of the
 * lowest keys as unsigned numbers; never a key that the step uses.
 */
export type EvictionRule =
  /** No key does: a step with too many new keys fails. */
  | { readonly kind: "never" }
  /** The score is the step of the last use. */
  | { readonly kind: "lru" }
  /** The score is the number of occurrences in training; of equal ones, those are lower that were not used for longer. */
  | { readonly kind: "lfu" }
  /** The score is the number of occurrences, where each counts half as much after every `halfLife` steps. */
  | { readonly kind: "lfuDecay"; readonly halfLife: number }
  /** Also keys that were used last more than `steps` steps ago, before each step. Otherwise like lru. */
  | { readonly kind: "age"; readonly steps: number }
  /**
   * Before each step whose number is a multiple of `every`, keys whose weights have an L2 norm below this. Otherwise
   * like never.
   */
  | { readonly kind: "norm"; readonly below: number; readonly every: number };
