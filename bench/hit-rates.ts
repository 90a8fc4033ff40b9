import type { Executable } from "../src/backends/backend.js";
import { GraphBuilder } from "../src/graph/graph.js";
import { type EvictionRule, KEYS } from "../src/graph/translation.js";
import { OPS } from "../src/ops/index.js";
import { draw, drawKey, drawUnit } from "../src/random.js";
import { selectBackend } from "../src/saved/backend.js";
import type { Figure } from "./figure.js";

const IDS = 100_000;
const EXPONENT = 1.05;
const STEPS = 4000;
const BATCH = 512;
const SHARES = [0.1, 0.25, 0.5];
const BUCKETS = [128, 1024];
const INPUT = "id";
/** Steps after which an occurrence counts half, for a table of all ids. */
const HALF_LIFE = 5000;

/** What buckets go by. */
interface Policy {
  readonly name: string;
  /** The same for the whole table, if it has this policy. */
  readonly evict?: EvictionRule;
  /** The score after an occurrence; -1 before the first one. */
  readonly after: (before: number, step: number) => number;
}

/** Larger than any step. */
const COUNT_UNIT = 2 ** 32;

function policiesOf(share: number): readonly Policy[] {
  const halfLife = HALF_LIFE * share;
  const decayed = (before: number, step: number) =>
    Math.log2((before < 0 ? 0 : 2 ** (before - step / halfLife)) + 1);
  return [
    { name: "lru", evict: { kind: "lru" }, after: (_, step) => step },
    { name: "lfu by counts alone", after: (before) => Math.max(0, before) + 1 },
    {
      name: "lfu",
      evict: { kind: "lfu" },
      after: (before, step) => (Math.floor(Math.max(0, before) / COUNT_UNIT) + 1) * COUNT_UNIT + step,
    },
    {
      name: `lfuDecay, ${halfLife} steps`,
      evict: { kind: "lfuDecay", halfLife },
      after: (before, step) => step / halfLife + decayed(before, step),
    },
  ];
}

/**
 * Lookups whose id has a row, where eviction looks at the whole table, and where it looks at the bucket of the id only, as tables
 * on GPUs do. The first half of the steps fills the tables.
 */
export const hitRates: Figure = {
  title: `hit rates of ${IDS} ids by a power law of ${EXPONENT}, the last ${STEPS / 2} of ${STEPS} batches of ${BATCH}`,
  async run() {
    const batches = powerLaw();
    const rows = SHARES.flatMap((share) =>
      policiesOf(share).map(({ name, evict, after }) => {
        const capacity = IDS * share;
        const ofBuckets = BUCKETS.map((size) => bucketRate(batches, capacity, after, size));
        const rates = [evict && wholeRate(batches, capacity, evict), ...ofBuckets];
        const shown = rates.map((rate) => (rate === undefined ? "" : `${(100 * rate).toFixed(2)} %`));
        return [`${100 * share} %, ${name}`, ...shown];
      }),
    );
    return { head: ["capacity", "whole table", ...BUCKETS.map((size) => `buckets of ${size}`)], rows };
  },
};

/** Ids are ranks, the frequent ones first. Ids with equal scores are evicted in the order of keys, which must not tell the rank. */
const keyOf = (id: number): number => Math.imul(id, 0x9e3779b1) >>> 0;

function powerLaw(): Int32Array[] {
  const sums = new Float64Array(IDS);
  for (let rank = 0, sum = 0; rank < IDS; rank++) {
    sum += (rank + 1) ** -EXPONENT;
    sums[rank] = sum;
  }
  const key = drawKey(1, 2, 3);
  return Array.from({ length: STEPS }, (_, step) =>
    Int32Array.from({ length: BATCH }, (_, i) =>
      firstAtLeast(sums, drawUnit(key, step * BATCH + i) * sums[IDS - 1]),
    ),
  );
}

function firstAtLeast(sums: Float64Array, limit: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function wholeRate(batches: readonly Int32Array[], capacity: number, evict: EvictionRule): number {
  const { backend } = selectBackend();
  const table = backend.translation({ kind: "dynamic", capacity, unknown: "zero", evict });
  const executable = backend.compile(
    lookups(capacity + 1),
    new Map([["t", backend.allocate(capacity + 1)]]),
    {
      maxBatch: BATCH,
      translations: new Map([["t", table]]),
    },
  );
  const run = (first: number, end: number) => {
    const before = table.statistics();
    batches.slice(first, end).forEach((ids, i) => {
      step(executable, ids, first + i);
    });
    const { hits, lookups } = table.statistics();
    return (hits - before.hits) / (lookups - before.lookups);
  };
  run(0, STEPS / 2);
  return run(STEPS / 2, STEPS);
}

function lookups(rows: number) {
  const builder = new GraphBuilder();
  const type = { dtype: "id64", shape: ["B"] } as const;
  const [keys] = builder.apply(OPS.input, [], { name: INPUT, type, limit: KEYS });
  const init = { kind: "constant", value: 0 } as const;
  const attrs = { name: "t", shape: [rows, 1], role: "table", trainable: true, init } as const;
  const [table] = builder.apply(OPS.parameter, [], attrs);
  const [found] = builder.apply(OPS.translate, [keys], { name: "t", rows, admits: true });
  builder.output("y", builder.apply(OPS.embedding, [table, found], {})[0]);
  return builder.finish();
}

function step(executable: Executable, ids: Int32Array, firstStep: number): void {
  const data = BigInt64Array.from(ids, (id) => BigInt(keyOf(id)));
  executable.runSync({
    columns: new Map([[INPUT, { kind: "id", data, offset: 0, stride: 1 }]]),
    ...{ rows: BATCH, start: 0, count: BATCH, batch: BATCH, seed: 0, firstStep },
    scalars: new Map(),
  });
}

/** The same with eviction of the lowest score of a bucket, by the same rules. */
function bucketRate(
  batches: readonly Int32Array[],
  capacity: number,
  after: Policy["after"],
  about: number,
): number {
  const buckets = Math.round(capacity / about);
  const size = Math.floor(capacity / buckets);
  const owners = new Int32Array(buckets * size).fill(-1);
  const scores = new Float64Array(buckets * size);
  const slots = new Int32Array(IDS).fill(-1);
  const hash = drawKey(7, 8, 9);
  let hits = 0;
  batches.forEach((ids, now) => {
    if (now >= STEPS / 2) for (const id of ids) hits += Number(slots[id] >= 0);
    const used = new Set(ids);
    for (const id of ids) {
      if (slots[id] < 0) {
        const slot = victimIn((draw(hash, id) % buckets) * size, size);
        if (slot < 0) continue;
        if (owners[slot] >= 0) slots[owners[slot]] = -1;
        owners[slot] = id;
        slots[id] = slot;
        scores[slot] = -1;
      }
      scores[slots[id]] = after(scores[slots[id]], now);
    }

    function victimIn(first: number, count: number): number {
      let lowest = -1;
      for (let slot = first; slot < first + count; slot++) {
        const owner = owners[slot];
        if (owner < 0) return slot;
        if (used.has(owner)) continue;
        const isLower = lowest < 0 || scores[slot] < scores[lowest];
        const isEqual = scores[slot] === scores[lowest] && keyOf(owner) < keyOf(owners[lowest]);
        if (isLower || isEqual) lowest = slot;
      }
      return lowest;
    }
  });
  return hits / ((STEPS / 2) * BATCH);
}
