import {
  type BagColumn,
  type Column,
  type ColumnSet,
  type Ids,
  LABEL_COLUMN,
  WEIGHT_COLUMN,
} from "../columns/columns.js";
import { idsBelow } from "../graph/tensor.js";
import { Absences } from "./absences.js";
import { type FittedFeature, type FittedFeatures, hasWeights, idLimit } from "./fitted.js";
import type { IdTarget } from "./id-target.js";
import { SequenceNotes } from "./sequence-notes.js";

/** The layout of encoded rows: one row-major matrix of ids, one of numbers, and separate buffers for each bag. */
export interface Layout {
  /** Features with one 32-bit id per row, in column order of the id matrix. */
  readonly ids: readonly string[];
  /** Features with one 64-bit id or key per row, which have a matrix of their own. */
  readonly wideIds: readonly string[];
  /** Column ranges of the matrix of numbers; labels and weight come last. */
  readonly numbers: readonly { readonly name: string; readonly offset: number; readonly width: number }[];
  /** Columns of the matrix of numbers. */
  readonly numbersWidth: number;
  readonly bags: readonly string[];
  /** Bags with weighted ids. */
  readonly weighted: readonly string[];
  /** Bags of 64-bit ids. */
  readonly wideBags: readonly string[];
}

/** @param labels number of labels per row; the weight is stored with them. 0: neither labels nor weight */
export function layoutOf(fitted: FittedFeatures, labels: number): Layout {
  const named = (kind: "id" | "ids", wide?: boolean) =>
    fitted.features
      .filter((f) => f.kind === kind && (wide === undefined || hasWideIds(f) === wide))
      .map(({ name }) => name);
  const widths = fitted.features.flatMap(({ name, kind, width }) =>
    kind === "number" ? [{ name, width }] : [],
  );
  if (labels > 0) widths.push({ name: LABEL_COLUMN, width: labels }, { name: WEIGHT_COLUMN, width: 1 });
  let numbersWidth = 0;
  const numbers = widths.map(({ name, width }) => {
    const offset = numbersWidth;
    numbersWidth += width;
    return { name, offset, width };
  });
  const weighted = fitted.features.filter(hasWeights).map(({ name }) => name);
  return {
    ids: named("id", false),
    wideIds: named("id", true),
    numbers,
    numbersWidth,
    bags: named("ids"),
    weighted,
    wideBags: named("ids", true),
  };
}

function hasWideIds(feature: FittedFeature): boolean {
  if (feature.kind === "number") return false;
  return idsBelow(idLimit(feature), "id") === "id64";
}

/** Finds the ids of a feature with one id per row in a block. */
export function locateIds({ ids, wideIds }: Layout, feature: string): (block: Block) => IdTarget {
  const wide = wideIds.includes(feature);
  const names = wide ? wideIds : ids;
  const place = { offset: names.indexOf(feature), stride: names.length };
  return (block) =>
    wide ? { data: block.wideIds, codes: block.codes, ...place } : { data: block.ids, ...place };
}

/** Bags of ids, weighted or not, that grow row by row. */
export class BagBuffer {
  values: Ids;
  /** The weight of each value. */
  weights?: Float32Array;
  /** Row r is `values[ends[r - 1] .. ends[r])`. */
  readonly ends: Float64Array;
  length = 0;

  constructor(rows: number, weighted: boolean, wide: boolean) {
    this.values = newIds(0, wide);
    if (weighted) this.weights = NO_WEIGHTS;
    this.ends = new Float64Array(rows);
  }

  /** @param id of the type that the values have */
  push(id: number | bigint, weight = 1): void {
    this.reserve(1);
    if (this.weights) this.weights[this.length] = weight;
    this.values[this.length++] = id as never;
  }

  /** Reserves space for `count` more values. */
  reserve(count: number): void {
    if (this.length + count > this.values.length) this.grow(this.length + count);
  }

  startOf(row: number): number {
    return row === 0 ? 0 : this.ends[row - 1];
  }

  /** Appends rows `[start, end)` of `other`; the first becomes row `at`. */
  append(other: BagBuffer, start: number, end: number, at: number): void {
    const from = other.startOf(start);
    const to = end === 0 ? 0 : other.ends[end - 1];
    this.reserve(to - from);
    this.values.set(other.values.subarray(from, to) as never, this.length);
    this.weights?.set(other.weights!.subarray(from, to), this.length);
    for (let r = start; r < end; r++) this.ends[at + r - start] = other.ends[r] - from + this.length;
    this.length += to - from;
  }

  private grow(least: number): void {
    const size = Math.max(least, this.values.length * 2, 64);
    const { values, weights } = this;
    this.values = newIds(size, values instanceof BigInt64Array);
    this.values.set(values as never);
    if (!weights) return;
    this.weights = new Float32Array(size);
    this.weights.set(weights);
  }
}

export function newIds(count: number, wide: boolean): Ids {
  return wide ? new BigInt64Array(count) : new Int32Array(count);
}

const NO_WEIGHTS = new Float32Array(0);

/** A buffer of up to `capacity` encoded rows. */
export class Block {
  rows = 0;
  readonly ids: Int32Array;
  readonly wideIds: BigInt64Array;
  /** Why the rows of the feature that is being encoded have no 64-bit id. */
  readonly codes: Int8Array;
  readonly numbers: Float32Array;
  readonly bags: readonly BagBuffer[];
  readonly absences: Absences;
  readonly sequences: SequenceNotes;
  /** Columns that are the same for any number of rows: without bags. */
  private columns?: ReadonlyMap<string, Column>;

  constructor(
    readonly layout: Layout,
    readonly capacity: number,
  ) {
    this.absences = new Absences(capacity);
    this.sequences = new SequenceNotes(capacity);
    this.ids = new Int32Array(capacity * layout.ids.length);
    this.wideIds = new BigInt64Array(capacity * layout.wideIds.length);
    this.codes = new Int8Array(layout.wideIds.length > 0 ? capacity : 0);
    this.numbers = new Float32Array(capacity * layout.numbersWidth);
    this.bags = layout.bags.map(
      (name) => new BagBuffer(capacity, layout.weighted.includes(name), layout.wideBags.includes(name)),
    );
  }

  /** Appends rows `[start, end)` of a block with the same layout. The caller must ensure that they fit. */
  append(other: Block, start: number, end: number): void {
    const F = this.layout.ids.length;
    const L = this.layout.wideIds.length;
    const W = this.layout.numbersWidth;
    this.ids.set(other.ids.subarray(start * F, end * F), this.rows * F);
    this.wideIds.set(other.wideIds.subarray(start * L, end * L), this.rows * L);
    this.numbers.set(other.numbers.subarray(start * W, end * W), this.rows * W);
    this.bags.forEach((bag, i) => {
      bag.append(other.bags[i], start, end, this.rows);
    });
    this.rows += end - start;
  }

  clear(): void {
    this.rows = 0;
    this.absences.clear();
    this.sequences.clear();
    for (const bag of this.bags) bag.length = 0;
  }

  /** The rows as columns. They share memory with the block, which may have room for more rows. */
  columnSet(): ColumnSet {
    if (this.bags.length === 0) {
      this.columns ??= this.columnsWith([]);
      return { rows: this.rows, columns: this.columns };
    }
    const bags = this.bags.map(({ values, weights, ends, length }) => ({
      values: values.subarray(0, length),
      offsets: offsetsOf(ends.subarray(0, this.rows), 0),
      weights: weights?.subarray(0, length),
    }));
    return { rows: this.rows, columns: this.columnsWith(bags) };
  }

  private columnsWith(bags: readonly Omit<BagColumn, "kind">[]): ReadonlyMap<string, Column> {
    return columnsOf(this.layout, [this.ids, this.wideIds], this.numbers, bags);
  }
}

/**
 * Splits the matrices and the bags of a layout into columns.
 * @param ids the matrix of 32-bit ids and that of 64-bit ids
 */
export function columnsOf(
  layout: Layout,
  [ids, wideIds]: readonly [Ids, Ids],
  numbers: Float32Array,
  bags: readonly Omit<BagColumn, "kind">[],
): Map<string, Column> {
  const columns = new Map<string, Column>();
  layout.ids.forEach((name, offset) => {
    columns.set(name, { kind: "id", data: ids, offset, stride: layout.ids.length });
  });
  layout.wideIds.forEach((name, offset) => {
    columns.set(name, { kind: "id", data: wideIds, offset, stride: layout.wideIds.length });
  });
  for (const { name, offset, width } of layout.numbers)
    columns.set(name, { kind: "number", data: numbers, offset, stride: layout.numbersWidth, width });
  layout.bags.forEach((name, i) => {
    columns.set(name, { kind: "ids", ...bags[i] });
  });
  return columns;
}

/** `[base, base + ends…]` as u64. */
export function offsetsOf(ends: Float64Array, base: number): BigUint64Array {
  const offsets = new BigUint64Array(ends.length + 1);
  // As pairs of 32-bit words, because one BigInt per number is slow.
  const words = new Uint32Array(offsets.buffer);
  for (let r = 0; r <= ends.length; r++) {
    const offset = base + (r === 0 ? 0 : ends[r - 1]);
    words[2 * r] = offset;
    words[2 * r + 1] = Math.floor(offset / 2 ** 32);
  }
  return offsets;
}
