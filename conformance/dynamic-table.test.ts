import { describe, expect, it } from "vitest";
import type { Backend, DynamicTranslation, Memory } from "../src/backends/backend.js";
import { GraphBuilder } from "../src/graph/graph.js";
import {
  type AdmissionRule,
  type DynamicSpec,
  type EvictionRule,
  KEYS,
  MISSING_KEY,
} from "../src/graph/translation.js";
import { OPS } from "../src/ops/index.js";
import { draw, drawKey, drawUnit, rowDraws } from "../src/random.js";
import { BACKENDS } from "./backends.js";
import { decayScore, lfuScore, TableModel } from "./dynamic-table-model.js";

/*
 * Random steps on a dynamic table and on a model of it that has no rows: what keys have a row, and what is in it.
 */

/** The long form takes 1,000,000 for every policy. */
const OPERATIONS = Number(process.env.PAIRLOOM_TABLE_OPERATIONS ?? 4000);
const KEYS_PER_STEP = 12;
const SEED = 11;
const STREAM = 5;
const ADMISSION = { seed: 21, stream: 7 };

/** A table of one number a row in a program that only looks its keys up. `fuse` has room for one key. */
class Subject {
  readonly table: DynamicTranslation;
  readonly memory: Memory;
  private readonly fuse: DynamicTranslation;
  private readonly executable;

  constructor(
    readonly backend: Backend,
    readonly spec: DynamicSpec,
  ) {
    const { capacity } = spec;
    this.table = backend.translation(spec, ADMISSION);
    this.fuse = backend.translation({
      kind: "dynamic",
      capacity: 1,
      evict: { kind: "never" },
      unknown: "zero",
    });
    this.memory = backend.allocate(capacity + 1);
    const init = { kind: "uniform", low: -1, high: 1 } as const;
    this.table.attach(this.memory, { width: 1, init, seed: SEED, stream: STREAM, weights: true });
    const parameters = new Map([
      ["table", this.memory],
      ["fuse", backend.allocate(2)],
    ]);
    const translations = new Map([
      ["table", this.table],
      ["fuse", this.fuse],
    ]);
    this.executable = backend.compile(lookups(capacity), parameters, {
      maxBatch: 1,
      threads: 2,
      translations,
    });
  }

  /** False if the step fails. */
  step(keys: readonly bigint[], step: number, fails: boolean): boolean {
    const columns = new Map([
      ["table", bagOf(keys)],
      ["fuse", bagOf(fails ? [1n, 2n] : [1n])],
    ]);
    const request = {
      columns,
      rows: 1,
      start: 0,
      count: 1,
      batch: 1,
      seed: 1,
      firstStep: step,
      scalars: new Map(),
    };
    try {
      this.executable.runSync(request);
      return true;
    } catch (error) {
      expect(String(error)).toMatch(/no room for the new keys/);
      return false;
    }
  }

  valueAt(row: number): number {
    const value = new Float32Array(1);
    this.memory.read(row, value);
    return value[0];
  }

  /** Another table with the state of this one. */
  resumed(): Subject {
    const next = new Subject(this.backend, this.spec);
    const { rows } = this.table.keys();
    next.table.restore(this.table.state());
    next.table
      .keys()
      .rows.forEach((row, i) => void next.memory.write(row, Float32Array.of(this.valueAt(rows[i]))));
    expect(next.table.state()).toEqual(this.table.state());
    return next;
  }
}

function lookups(capacity: number) {
  const builder = new GraphBuilder();
  const sizes = { table: capacity + 1, fuse: 2 };
  for (const [name, rows] of Object.entries(sizes)) {
    const [keys] = builder.apply(OPS.input, [], {
      name,
      type: { dtype: "ids64", shape: ["B"] },
      limit: KEYS,
    });
    const init = { kind: "constant", value: 0 } as const;
    const attrs = { name, shape: [rows, 1], role: "table", trainable: true, init } as const;
    const [table] = builder.apply(OPS.parameter, [], attrs);
    const [found] = builder.apply(OPS.translate, [keys], { name, rows, admits: true });
    builder.output(`y.${name}`, builder.apply(OPS.embeddingBag, [table, found], { pooling: "sum" })[0]);
  }
  return builder.finish();
}

function bagOf(keys: readonly bigint[]) {
  const offsets = BigUint64Array.of(0n, BigInt(keys.length));
  return { kind: "ids", values: BigInt64Array.from(keys), offsets } as const;
}

/** The value of a key's row before training, by the formulas of the program format. */
function initialValue(key: bigint): number {
  const draws = rowDraws(drawKey(SEED, STREAM, 0), key, 1);
  return Math.fround(-1 + 2 * drawUnit(draws.key, draws.first));
}

function isDrawn(probability: number): (key: bigint, step: number) => boolean {
  return (key, step) => {
    const draws = rowDraws(drawKey(ADMISSION.seed, ADMISSION.stream, step), key, 1);
    return draw(draws.key, draws.first) / 2 ** 32 < probability;
  };
}

/** Numbers in [0, limit), one after the other. */
function random(seed: number): (limit: number) => number {
  let index = 0;
  const key = drawKey(seed, 99, 0);
  return (limit) => Math.floor(drawUnit(key, index++) * limit);
}

/** A small number of keys of all kinds: near zero, negative, beyond 2^53, missing; low ones are frequent. */
function keyOf(below: (limit: number) => number): bigint {
  const n = BigInt(Math.min(below(90), below(90)));
  const kind = below(40);
  if (kind === 0) return MISSING_KEY;
  if (n % 4n === 0n) return -n;
  return n % 4n === 1n ? n * 0x1234567890abcdn : n % 4n === 2n ? BigInt.asIntN(64, n << 58n) : n;
}

function check(subject: Subject, model: TableModel): void {
  const { keys, rows } = subject.table.keys();
  expect(new Set(keys)).toEqual(new Set(model.known.keys()));
  expect(subject.table.translate(keys)).toEqual(rows);
  expect(new Set(rows).size).toBe(keys.length);
  expect(rows.every((row) => row >= 1 && row <= subject.spec.capacity)).toBe(true);
  const values = Array.from(rows, (row) => subject.valueAt(row));
  expect(values).toEqual(Array.from(keys, (key) => model.known.get(key)!.value));
  const ordered = [...keys].sort((a, b) => compare(slot(a), slot(b)) || compare(unsigned(a), unsigned(b)));
  expect([...keys]).toEqual(ordered);
}

const unsigned = (key: bigint) => BigInt.asUintN(64, key);
const slot = (key: bigint) => unsigned(key) % 1024n;
const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);

function runOperations(backend: Backend, spec: DynamicSpec, seed: number, operations: number): void {
  const below = random(seed);
  const admit = spec.admit && "probability" in spec.admit ? spec.admit.probability : 1;
  const model = new TableModel(spec, initialValue, isDrawn(admit));
  let subject = new Subject(backend, spec);
  let step = 0;
  for (let done = 0; done < operations; ) {
    const keys = Array.from({ length: below(KEYS_PER_STEP + 1) }, () => keyOf(below));
    done += keys.length + 1;
    const fails = below(8) === 0;
    const goes = model.step(keys, step);
    expect(subject.step(keys, step, fails)).toBe(goes && !fails);
    if (fails && goes) model.revert();
    else if (goes) step += 1 + (below(20) === 0 ? below(9) : 0);
    for (const [key, known] of model.known) {
      if (below(6) > 0) continue;
      known.value = Math.fround(below(100) / 100);
      subject.memory.write(subject.table.translate(BigInt64Array.of(key))[0], Float32Array.of(known.value));
    }
    if (below(20) === 0)
      erase(
        Array.from({ length: 3 }, () => keyOf(below)),
        subject,
        model,
      );
    if (below(10) === 0) check(subject, model);
    if (below(60) === 0) subject = subject.resumed();
  }
  check(subject, model);
}

function erase(keys: readonly bigint[], subject: Subject, model: TableModel): void {
  subject.table.erase(BigInt64Array.from(keys));
  for (const key of keys) model.known.delete(key);
}

const EVICTIONS: readonly EvictionRule[] = [
  { kind: "never" },
  { kind: "lru" },
  { kind: "lfu" },
  { kind: "lfuDecay", halfLife: 3.7 },
  { kind: "age", steps: 4 },
  { kind: "norm", below: 0.2, every: 5 },
];
const ADMISSIONS: readonly (AdmissionRule | undefined)[] = [
  undefined,
  { count: 3, counter: "exact" },
  { count: 3, counter: "bloom", expect: 4000 },
  { probability: 0.3 },
];

describe.each(BACKENDS.slice(0, 2))("a dynamic table on $name", ({ use }) => {
  it("evicts by the shortest half-life in the latest steps, and refuses shorter ones", () => {
    const specOf = (halfLife: number): DynamicSpec => ({
      ...{ kind: "dynamic", capacity: 2, unknown: "zero" },
      evict: { kind: "lfuDecay", halfLife },
    });
    for (const [first, apart] of [
      [2 ** 27 - 10, 1], // as exact as 28 bits are
      [2 ** 32 - 130, 32],
    ]) {
      const subject = new Subject(use(), specOf(1));
      const known = [9n, 5n, 7n, 3n].map((key, i) => {
        subject.step([key], first + i * apart, false);
        return new Set(subject.table.keys().keys);
      });
      expect(known).toEqual([new Set([9n]), new Set([9n, 5n]), new Set([5n, 7n]), new Set([7n, 3n])]);
    }
    expect(() => use().translation(specOf(0.999))).toThrow(/evict\.halfLife[\s\S]*1 to 4294967295/);
  });

  /** A table of the keys 1, 2, … with these scores, as it is saved. */
  const restored = (scores: readonly bigint[], evict: EvictionRule = { kind: "lfu" }) => {
    const { length } = scores;
    const subject = new Subject(use(), { kind: "dynamic", capacity: length, evict, unknown: "zero" });
    const code = ["never", "lru", "lfu", "lfuDecay"].indexOf(evict.kind);
    const header = [code, 0, 0, 0, 0, 0, 0, length].map(BigInt);
    const keys = scores.map((_, i) => BigInt(i + 1));
    const counters = 0n;
    subject.table.restore(BigInt64Array.of(...header, ...keys, ...scores, counters));
    return subject;
  };

  it("evicts of equal counts those that were not used for longest, in steps as exact as 32 bits allow", () => {
    const below = random(31);
    const sizes = [1, 2, 5, 40, 2 ** 12, 2 ** 20];
    const steps = [10, 2 ** 24, 2 ** 32 - 10];
    for (let round = 0; round < 40; round++) {
      const [most, latest] = [sizes[round % sizes.length], steps[round % steps.length]];
      const uses = Array.from({ length: 100 }, () => [1 + below(most), latest - below(latest / 2)]);
      const subject = restored(
        uses.map(([count, step]) => (BigInt(count) << 32n) | BigInt(Math.floor(step))),
      );
      const order = uses.map(([count, step], i) => ({
        key: BigInt(i + 1),
        score: lfuScore(count, Math.floor(step)),
      }));
      order.sort((a, b) => a.score - b.score || compare(a.key, b.key));
      const fresh = Array.from({ length: 30 }, (_, i) => BigInt(1000 + i));
      expect(subject.step(fresh, 2 ** 32 - 5, false)).toBe(true);
      const left = [...subject.table.keys().keys].filter((key) => key < 1000n);
      expect(new Set(left)).toEqual(new Set(order.slice(30).map(({ key }) => key)));
    }
  });

  it("reads counts without steps, as older states have them, and counts that are too large", () => {
    const subject = restored([7n, 3n, 3n, (2n ** 29n) << 32n]);
    expect([...subject.table.keys().scores]).toEqual([7, 3, 3, 2 ** 28 - 1]);
    subject.step([2n], 5, false);
    subject.step([99n], 5, false);
    expect([...subject.table.keys().keys]).toEqual([1n, 2n, 4n, 99n]);
    subject.resumed();
  });

  it("reads decayed counts of 64 bits, as older states have them, and rounds them down", () => {
    const logarithms = [40.375, 7 + 2 ** -25, 7, 2 ** 31 + 0.75, 2 ** 32 - 8];
    const scores = logarithms.map((logarithm) => BigInt(logarithm * 2 ** 32));
    const subject = restored(
      scores.map((score) => BigInt.asIntN(64, score + 5n)),
      { kind: "lfuDecay", halfLife: 3 },
    );
    const rounded = logarithms.map((logarithm) => decayScore(logarithm) * 2 ** 32);
    expect([...subject.table.keys().scores]).toEqual(rounded);
    subject.resumed();
    subject.step([98n, 99n], 9, false);
    expect(new Set(subject.table.keys().keys)).toEqual(new Set([1n, 4n, 5n, 98n, 99n]));
  });

  it("refuses a Bloom filter for more keys than it can count, also where their number is the capacity", () => {
    const make = (expect?: number) => () =>
      use().translation({
        ...{ kind: "dynamic", capacity: 2 ** 29 + 1, evict: { kind: "never" }, unknown: "zero" },
        admit: { count: 2, counter: "bloom", expect },
      });
    for (const expected of [undefined, 2 ** 29 + 1])
      expect(make(expected)).toThrow(/admit\.expect[\s\S]*1 to 536870912/);
  });

  describe.each(EVICTIONS)("that evicts by $kind", (evict) => {
    it.each(ADMISSIONS)("is the model after random steps, admission %j", (admit) => {
      for (const capacity of [24, 40, 200])
        runOperations(
          use(),
          { kind: "dynamic", capacity, growFrom: 2, admit, evict, unknown: "zero" },
          capacity,
          OPERATIONS / ADMISSIONS.length / 3,
        );
    });
  });
});
