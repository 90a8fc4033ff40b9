import { ExecutionError } from "../../errors.js";
import { type DynamicSpec, MISSING_KEY, type RowNames } from "../../graph/translation.js";
import { widen } from "../../half.js";
import { drawKey, rowDraws } from "../../random.js";
import type {
  AttachedRows,
  Draws,
  DynamicTranslation,
  KeysWithRows,
  Memory,
  SavedTranslation,
  TableStatistics,
} from "../backend.js";
import { codeOfAdmission, codeOfEviction, initOfUnknown } from "../dynamic-spec.js";
import { type Admitter, admitterOf } from "./admission.js";
import { compareKeys, inCheckpointOrder } from "./key-order.js";
import type { ReferenceMemory } from "./memory.js";
import { otherState, type ReferenceTranslation } from "./reference-translation.js";
import { type Scores, scoresOf } from "./scores.js";

interface Entry {
  readonly row: number;
  /** Undefined until the end of the key's first step. */
  readonly score?: number;
}

interface Attached extends AttachedRows {
  readonly memory: ReferenceMemory;
}

const HEADER = 8;

/** The same semantics as native/runtime/dynamic/table.h, with a map and lists. */
export class ReferenceDynamicTable implements DynamicTranslation, ReferenceTranslation, RowNames {
  readonly rows: number;
  readonly trainsUnknown: boolean;
  readonly names: RowNames = this;
  private readonly entries = new Map<bigint, Entry>();
  /** The key of each row. */
  private readonly owners: (bigint | undefined)[] = [undefined];
  private readonly attached: Attached[] = [];
  private readonly admitter: Admitter;
  private readonly scores: Scores;
  private counted = { admitted: 0, evicted: 0, lookups: 0, hits: 0, rejected: 0 };
  /** Reverts the changes of the last step, if called from the last to the first. */
  private undo: (() => void)[] = [];

  constructor(
    private readonly spec: DynamicSpec,
    draws: Draws,
  ) {
    this.rows = spec.capacity + 1;
    this.trainsUnknown = spec.unknown === "shared";
    this.admitter = admitterOf(spec, draws);
    this.scores = scoresOf(spec.evict);
  }

  keyOf(row: number): bigint | undefined {
    return row === 0 ? undefined : this.owners[row];
  }

  attach(memory: Memory, rows: AttachedRows): void {
    if (memory.elements !== this.rows * rows.width) throw wrongSize(memory.elements, this.rows, rows.width);
    const attached = { ...rows, memory: memory as ReferenceMemory };
    this.attached.push(attached);
    initialize({ ...attached, init: initOfUnknown(this.spec, rows) }, 0);
  }

  translate(keys: BigInt64Array): Float64Array {
    return Float64Array.from(keys, (key) => this.entries.get(key)?.row ?? 0);
  }

  admit(keys: BigInt64Array, step: number): Float64Array {
    return this.orRevert(() => this.step(keys, step));
  }

  insert(keys: BigInt64Array): Float64Array {
    return this.orRevert(() => {
      const occurrences = new Map(Array.from(keys, (key) => [key, 1]));
      this.giveRows(
        occurrences,
        [...occurrences.keys()].filter((key) => !this.entries.has(key)),
      );
      for (const key of occurrences.keys()) this.touch(key, 1, 0);
      return this.translate(keys);
    });
  }

  erase(keys: BigInt64Array): void {
    this.undo = [];
    for (const key of keys) if (this.entries.has(key)) this.evict(key);
  }

  revert(): void {
    for (const undo of this.undo.reverse()) undo();
    this.undo = [];
  }

  keys(): KeysWithRows {
    const ordered = this.ordered();
    return {
      keys: BigInt64Array.from(ordered, ({ key }) => key),
      rows: Float64Array.from(ordered, ({ row }) => row),
      scores: Float64Array.from(ordered, ({ score }) => this.scores.shown(score!)),
    };
  }

  saved(): SavedTranslation {
    return { state: this.state(), rows: this.keys().rows };
  }

  statistics(): TableStatistics {
    return { size: this.entries.size, capacity: this.spec.capacity, ...this.counted };
  }

  state(): BigInt64Array {
    const ordered = this.ordered();
    const { admitted, evicted, lookups, hits, rejected } = this.counted;
    const codes = [codeOfEviction(this.spec.evict), codeOfAdmission(this.spec.admit)];
    const header = [...codes, admitted, evicted, lookups, hits, rejected, ordered.length];
    return BigInt64Array.from([
      ...header.map(BigInt),
      ...ordered.map(({ key }) => key),
      ...ordered.map(({ score }) => this.scores.saved(score!)),
      ...this.admitter.state(),
    ]);
  }

  restore(state: BigInt64Array): void {
    const header = Array.from(state.subarray(0, HEADER), Number);
    const [eviction, admission, admitted, evicted, lookups, hits, rejected, size] = header;
    const keys = state.subarray(HEADER, HEADER + size);
    const counters = this.admitter.restore(state.subarray(HEADER + 2 * size));
    const { evict, admit, capacity } = this.spec;
    if (eviction !== codeOfEviction(evict) || admission !== codeOfAdmission(admit) || counters === undefined)
      throw otherState("numbers of another kind of table");
    if (size > capacity) throw otherState(`${size} keys, for a table of ${capacity}`);
    if (new Set(keys).size < keys.length) throw otherState("a key twice");
    counters();
    this.counted = { admitted, evicted, lookups, hits, rejected };
    this.entries.clear();
    this.owners.splice(1, this.owners.length, ...keys);
    keys.forEach((key, i) => {
      this.entries.set(key, { row: i + 1, score: this.scores.restored(state[HEADER + size + i]) });
    });
    this.undo = [];
  }

  /** The keys with a row in the order of checkpoints. */
  private ordered(): (Entry & { readonly key: bigint })[] {
    return inCheckpointOrder(this.entries.keys()).map((key) => ({ key, ...this.entries.get(key)! }));
  }

  private orRevert<T>(change: () => T): T {
    this.undo = [];
    const { counted } = this;
    this.undo.push(() => {
      this.counted = counted;
    });
    try {
      return change();
    } catch (error) {
      this.revert();
      throw error;
    }
  }

  private step(keys: BigInt64Array, step: number): Float64Array {
    for (const key of this.outdated(step)) this.evict(key);
    const occurrences = new Map<bigint, number>();
    for (const key of keys) occurrences.set(key, (occurrences.get(key) ?? 0) + 1);
    const hits = keys.filter((key) => this.entries.has(key)).length;
    this.giveRows(occurrences, this.admitted(occurrences, step));
    for (const [key, count] of occurrences) if (this.entries.has(key)) this.touch(key, count, step);
    const rows = this.translate(keys);
    this.count({ lookups: keys.length, hits, rejected: rows.filter((row) => row === 0).length });
    return rows;
  }

  /** Keys that lose their rows before the step. */
  private outdated(step: number): bigint[] {
    const { evict } = this.spec;
    const keys = [...this.entries.keys()].filter((key) => key !== MISSING_KEY);
    if (evict.kind === "age") return keys.filter((key) => step - this.entries.get(key)!.score! > evict.steps);
    if (evict.kind !== "norm" || step % evict.every !== 0) return [];
    return keys.filter((key) => this.squaredNorm(this.entries.get(key)!.row) < evict.below ** 2);
  }

  /** New keys that get a row in this step. */
  private admitted(occurrences: ReadonlyMap<bigint, number>, step: number): bigint[] {
    const fresh = [...occurrences.keys()].filter((key) => !this.entries.has(key));
    for (const key of fresh)
      if (key !== MISSING_KEY) this.undo.push(this.admitter.count(key, occurrences.get(key)!));
    return fresh.filter((key) => key === MISSING_KEY || this.admitter.admits(key, step));
  }

  private giveRows(used: ReadonlyMap<bigint, number>, fresh: readonly bigint[]): void {
    const missing = fresh.length - (this.spec.capacity - this.entries.size);
    if (missing > 0) for (const key of this.victims(missing, used, fresh.length)) this.evict(key);
    for (const key of fresh) this.give(key);
  }

  private victims(count: number, used: ReadonlyMap<bigint, number>, fresh: number): bigint[] {
    const spared = (key: bigint) => this.isFixed || key === MISSING_KEY || used.has(key);
    const found = [...this.entries]
      .filter(([key]) => !spared(key))
      .sort(([a, x], [b, y]) => x.score! - y.score! || compareKeys(a, b));
    if (found.length < count) throw this.noRoom(fresh, this.spec.capacity - this.entries.size + found.length);
    return found.slice(0, count).map(([key]) => key);
  }

  private give(key: bigint): void {
    const free = this.owners.indexOf(undefined, 1);
    const row = free < 0 ? this.owners.length : free;
    this.owners[row] = key;
    this.entries.set(key, { row });
    this.undo.push(() => {
      this.owners[row] = undefined;
      this.entries.delete(key);
    });
    this.undo.push(this.admitter.forget(key));
    for (const attached of this.attached) {
      this.undo.push(restoring(attached, row));
      initialize(attached, row, key);
    }
    this.count({ admitted: 1 });
  }

  private evict(key: bigint): void {
    const entry = this.entries.get(key)!;
    this.entries.delete(key);
    this.owners[entry.row] = undefined;
    this.undo.push(() => {
      this.owners[entry.row] = key;
      this.entries.set(key, entry);
    });
    this.count({ evicted: 1 });
  }

  private touch(key: bigint, occurrences: number, step: number): void {
    const entry = this.entries.get(key)!;
    this.entries.set(key, { ...entry, score: this.scores.after(entry.score, occurrences, step) });
    this.undo.push(() => this.entries.set(key, entry));
  }

  /** Over all weights of the row. */
  private squaredNorm(row: number): number {
    const weights = this.attached
      .filter(({ weights }) => weights)
      .flatMap((each) => [...valuesOf(each, row)]);
    return weights.reduce((sum, value) => sum + value * value, 0);
  }

  /** Whether new keys never take the rows of others. */
  private get isFixed(): boolean {
    return this.spec.evict.kind === "never" || this.spec.evict.kind === "norm";
  }

  private noRoom(fresh: number, room: number): ExecutionError {
    const { capacity } = this.spec;
    return new ExecutionError({
      what: "a dynamic table has no room for the new keys of a batch",
      got: `${fresh} new keys`,
      expected: `at most ${room}, of a capacity of ${capacity}`,
      next: this.isFixed
        ? "Give the table a larger capacity, or evict with lru or lfu."
        : "Give the table a larger capacity, or train on smaller batches.",
    });
  }

  private count(changes: Partial<typeof this.counted>): void {
    const { counted } = this;
    const sums = Object.entries(counted).map(([name, n]) => [
      name,
      n + (changes[name as keyof typeof counted] ?? 0),
    ]);
    this.counted = Object.fromEntries(sums);
  }
}

function initialize({ memory, width, init, seed, stream }: Attached, row: number, key?: bigint): void {
  memory.fillFrom(row * width, width, init, rowDraws(drawKey(seed, stream, 0), key, width));
  if (memory.changed) memory.changed[row] = 0xff;
}

function restoring({ memory, width }: Attached, row: number): () => void {
  const before = memory.data.slice(row * width, (row + 1) * width);
  return () => memory.write(row * width, before);
}

function valuesOf({ memory, width }: Attached, row: number): Float32Array {
  const stored = memory.data.subarray(row * width, (row + 1) * width);
  if (stored instanceof Float32Array || memory.dtype === "fp32") return stored as Float32Array;
  const values = new Float32Array(width);
  widen(stored, values, memory.dtype);
  return values;
}

function wrongSize(elements: number, rows: number, width: number): ExecutionError {
  return new ExecutionError({
    what: "a memory does not fit the dynamic table that it is attached to",
    got: `${elements} numbers`,
    expected: `${rows} rows of ${width}`,
  });
}
