import { z } from "zod";
import { initializerSchema } from "../../layers/initializer.js";

/** The setting `dynamic` of a feature: a table whose rows belong to the ids that training meets. See docs/tables.md. */

const positive = z.int().positive();

/** Rows are numbered in 31 bits. */
const MOST_KEYS = 2 ** 31 - 1;
/** Steps and counts are kept in 32 bits, those of a Bloom filter in 16. */
const MOST_STEPS = 2 ** 32 - 1;
const MOST_BLOOM_COUNT = 2 ** 16 - 1;
/** The counters of a Bloom filter are found with 32 bits of a hash. */
const MOST_EXPECTED = 2 ** 29;

const admitByCount = z
  .strictObject({
    /** An id gets a row in the step in which it occurs for the n-th time. */
    count: positive.max(MOST_STEPS),
    /** Counts in a hash map, one entry for each id; or in a counting Bloom filter of fixed size, which may count too high. */
    counter: z.enum(["exact", "bloom"]).default("exact"),
    /** With `bloom`: the number of different ids to make room for; default: the capacity. */
    expect: positive.max(MOST_EXPECTED).optional(),
  })
  .refine(({ counter, count }) => counter === "exact" || count <= MOST_BLOOM_COUNT, {
    path: ["count"],
    message: `a Bloom filter counts to ${MOST_BLOOM_COUNT}: choose a smaller count, or counter: "exact"`,
  })
  .refine(({ counter, expect }) => counter === "bloom" || expect === undefined, {
    path: ["expect"],
    message: 'expect is the size of a Bloom filter: set counter: "bloom", or leave it out',
  });

const admit = z.union([
  admitByCount,
  z.strictObject({
    /** In each step, an id without a row gets one with this probability. */
    probability: z.number().positive().max(1),
  }),
]);

const evict = z.union([
  z.enum(["never", "lru", "lfu"]),
  z.strictObject({
    kind: z.literal("lfuDecay"),
    /** After this number of steps, an occurrence counts half. */
    halfLife: z.number().min(1).max(MOST_STEPS),
  }),
  z.strictObject({
    kind: z.literal("age"),
    /** Ids that occurred last more than this number of steps ago lose their rows, also those that occur again in this step. */
    steps: positive.max(MOST_STEPS),
  }),
  z.strictObject({
    kind: z.literal("norm"),
    /** Rows whose weights have a smaller L2 norm are freed. */
    below: z.number().positive(),
    /** The number of steps from one check of all rows to the next. */
    every: positive.max(MOST_STEPS),
  }),
]);

/** What decides which ids have rows. */
export const dynamicFields = {
  /** The number of ids that may have a row at the same time. */
  capacity: positive.max(MOST_KEYS),
  /** The index starts with room for this number of ids, and doubles when it is full; default 1024. */
  growFrom: positive.optional(),
  /** When a new id gets a row; default: in the step in which it first occurs. */
  admit: admit.optional(),
  /**
   * Which ids lose their rows: those that were not used for the longest time, that occurred least (`lfu`, with `lfuDecay`
   * recently), that are unused for long (`age`), or whose weights are small (`norm`). With `never`, training stops when the
   * table is full.
   */
  evict: evict.default("lru"),
  /** The vector of ids without a row: zeros, a trained one that they share, or one that is drawn once. */
  unknown: z.union([z.enum(["zero", "shared"]), initializerSchema]).default("zero"),
  /** A Parquet or CSV file of ids and vectors that have rows when training starts. */
  seedFrom: z.string().min(1).optional(),
};

export const dynamicSchema = z
  .strictObject(dynamicFields)
  .refine(({ capacity, growFrom = 1 }) => growFrom <= capacity, {
    path: ["growFrom"],
    message: "growFrom must not be above capacity",
  });

export type DynamicConfig = z.output<typeof dynamicSchema>;
