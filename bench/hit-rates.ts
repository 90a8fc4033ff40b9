import type { Executable } from "../src/backends/backend.js";
import { GraphBuilder } from "../src/graph/graph.js";
import { KEYS } from "../src/graph/translation.js";
import { OPS } from "../src/ops/index.js";
import { draw, drawKey, drawUnit } from "../src/random.js";
import { selectBackend } from "../src/saved/backend.js";
import type { Figure } from "./figure.js";

const IDS = 100_000;
const EXPONENT = 1.05;
const STEPS = 4000;
const BATCH = 512;
const SHARES = [0.1, 0.25, 0.5];
const POLICIES = ["lru", "lfu"] as const;
const BUCKETS = [128, 1024];
const INPUT = "id";

type Policy = (typeof POLICIES)[number];

/**
 * Lookups whose id has a row, where eviction looks at the whole table, and where it looks at the bucket of the id only, as tables
 * on GPUs do. The first half of the steps fills the tables.
 */
export const hitRates: Figure = {
  title: `hit rates of ${IDS} ids by a power law of ${EXPONENT}, the last ${STEPS / 2} of ${STEPS} batches of ${BATCH}`,
  async run() {
    const batches = powerLaw();
    const rows = SHARES.flatMap((share) =>
      POLICIES.map((policy) => {
        const capacity = IDS * share;
        const ofBuckets = BUCKETS.map((size) => bucketRate(batches, capacity, policy, size));
        const rates = [wholeRate(batches, capacity, policy), ...ofBuckets];
        return [`${100 * share} %, ${policy}`, ...rates.map((rate) => `${(100 * rate).toFixed(2)} %`)];
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

function wholeRate(batches: readonly Int32Array[], capacity: number, policy: Policy): number {
  const { backend } = selectBackend();
  const table = backend.translation({
    ...{ kind: "dynamic", capacity, unknown: "zero" },
    evict: { kind: policy },
  });
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
function bucketRate(batches: readonly Int32Array[], capacity: number, policy: Policy, size: number): number {
  const buckets = Math.floor(capacity / size);
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
        scores[slot] = 0;
      }
      scores[slots[id]] = policy === "lru" ? now : scores[slots[id]] + 1;
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
