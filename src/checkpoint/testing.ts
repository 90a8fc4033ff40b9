import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Checkpoint } from "./checkpoint.js";
import { MANIFEST_FILE, type Manifest } from "./manifest.js";
import type { TensorSource } from "./safetensors-writer.js";
import { rangesOf } from "./table-layout.js";
import type { CheckpointContent, TableContent } from "./write.js";

/** A small checkpoint whose values depend only on the step. Used by tests and by the process that they kill. */
export function contentOf(step: number, metrics: Record<string, number> = {}, rows = 2): CheckpointContent {
  const values = Float32Array.from({ length: rows * 2 }, (_, i) => step + i);
  return {
    step,
    epoch: 0,
    epochStep: step,
    seed: 7,
    reader: { shard: 1, offset: [step, step + 1] },
    trainer: { best: null },
    config: { model: { type: "fm", dims: [1, 2] } },
    features: { vocabulary: ["a", "b"] },
    metrics,
    model: new Map([["embedding.user", { dtype: "F32", shape: [rows, 2], data: values }]]),
    optimizer: new Map([
      ["embedding.user.accumulator", { dtype: "F32", shape: [2], data: Float32Array.of(step * step, 0.5) }],
    ]),
  };
}

/** The checksums of all other files: two checkpoints are equal if these are. */
export function checksumsOf({ files, tables }: Manifest): string[] {
  const ofFiles = Object.values(files).map(({ sha256 }) => sha256);
  return [...ofFiles, ...tables.flatMap(rangesOf).map(({ checksum }) => checksum)];
}

/** Every number of a checkpoint, by the name of its tensor. */
export async function numbersOf(checkpoint: Checkpoint): Promise<Map<string, unknown>> {
  const all = new Map<string, unknown>();
  for (const tensors of [await checkpoint.openModel(), await checkpoint.openOptimizer()]) {
    for (const name of tensors.tensors.keys()) all.set(name, await tensors.read(name));
    await tensors.close();
  }
  return all;
}

/** Changes a manifest and computes its checksum again, like a program that writes checkpoints. */
export function signAgain(dir: string, change: (manifest: Record<string, unknown>) => object): void {
  const path = join(dir, MANIFEST_FILE);
  const { sha256: _, ...before } = JSON.parse(readFileSync(path, "utf8"));
  const text = JSON.stringify(change(before));
  const sha256 = createHash("sha256").update(text).digest("hex");
  writeFileSync(path, JSON.stringify({ ...JSON.parse(text), sha256 }));
}

/**
 * A model with a table of fixed size and a growing one, kept in arrays and a Map, for tests of checkpoints with keys: it
 * knows what it has changed since `saved` was called, and gives the content of a complete checkpoint or of one with changes.
 */
export class ModelWithTables {
  private readonly fixed = Array.from({ length: FIXED_ROWS }, (_, row) => [row, row + 0.5, -row, row / 4]);
  private readonly entries = new Map<bigint, { readonly values: number[]; readonly stamp: number }>();
  private unknown = [0.5, 0.25, 0.125];
  private changedRows = new Set<number>();
  private changedKeys = new Set<bigint>();
  private removed = new Set<bigint>();

  constructor(private readonly capacity = 1000) {}

  get keys(): bigint[] {
    return inOrder(this.entries.keys());
  }

  updateRow(row: number, value: number): void {
    this.fixed[row] = [value, value + 1, value + 2, value + 3];
    this.changedRows.add(row);
  }

  /** Also gives a row to a key that has none. */
  updateKey(key: bigint, value: number): void {
    this.entries.set(key, { values: [value, -value, value / 2], stamp: value });
    this.changedKeys.add(key);
  }

  remove(key: bigint): void {
    if (this.entries.delete(key)) this.removed.add(key);
  }

  /** What has changed is in a checkpoint now. */
  saved(): void {
    this.changedRows = new Set();
    this.changedKeys = new Set();
    this.removed = new Set();
  }

  whole(step: number): CheckpointContent {
    const rows = Array.from({ length: FIXED_ROWS }, (_, row) => row);
    return this.content(step, rows, this.keys);
  }

  changes(step: number, changesTo: CheckpointContent["changesTo"]): CheckpointContent {
    const rows = [...this.changedRows].sort((a, b) => a - b);
    const keys = inOrder([...this.changedKeys].filter((key) => this.entries.has(key)));
    const deleted = inOrder([...this.removed].filter((key) => !this.entries.has(key)));
    const content = this.content(step, rows, keys);
    const [fixed, growing] = content.tables!;
    const tables = [
      { ...fixed, rows: FIXED_ROWS, keys: BigUint64Array.from(rows, BigInt) },
      { ...growing, deleted: BigUint64Array.from(deleted) },
    ];
    return { ...content, tables, changesTo };
  }

  private content(step: number, rows: readonly number[], keys: readonly bigint[]): CheckpointContent {
    const content = contentOf(step);
    const found = keys.map((key) => this.entries.get(key)!);
    const withUnknown = [this.unknown, ...found.map(({ values }) => values)];
    content.model.set(
      FIXED,
      f32(
        3,
        rows.map((row) => this.fixed[row].slice(0, 3)),
      ),
    );
    content.model.set(
      GROWING,
      f32(
        2,
        withUnknown.map((values) => values.slice(0, 2)),
      ),
    );
    content.optimizer.set(
      `${FIXED}/sum`,
      f32(
        1,
        rows.map((row) => this.fixed[row].slice(3)),
      ),
    );
    content.optimizer.set(
      `${GROWING}/sum`,
      f32(
        1,
        withUnknown.map((values) => values.slice(2)),
      ),
    );
    const stamps = Uint32Array.from(found, ({ stamp }) => stamp);
    content.optimizer.set(`${GROWING}/stamp`, { dtype: "U32", shape: [stamps.length], data: stamps });
    const states = [`${GROWING}/sum`, `${GROWING}/stamp`];
    const tables: TableContent[] = [
      { name: FIXED, states: [`${FIXED}/sum`] },
      { name: GROWING, states, capacity: this.capacity, keys: BigUint64Array.from(keys) },
    ];
    return { ...content, tables };
  }
}

export const [FIXED, GROWING, FIXED_ROWS] = ["embeddings.fixed.weight", "embeddings.growing.weight", 40];

/** A random 64-bit key; few distinct slots, so that slots have several keys. */
export const keyOf = (number: number): bigint =>
  BigInt.asUintN(64, BigInt(number) * 0x9e3779b97f4a7c15n) & ~0x3f0n;

function inOrder(keys: Iterable<bigint>): bigint[] {
  const slot = (key: bigint) => key % 1024n;
  return [...keys].sort((a, b) => Number(slot(a) - slot(b)) || (a < b ? -1 : 1));
}

function f32(width: number, rows: readonly (readonly number[])[]): TensorSource {
  return { dtype: "F32", shape: [rows.length, width], data: Float32Array.from(rows.flat()) };
}
