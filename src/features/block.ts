import {
  type BagColumn,
  type Column,
  type ColumnSet,
  LABEL_COLUMN,
  WEIGHT_COLUMN,
} from "../columns/columns.js";
import type { FittedFeatures } from "./fitted.js";

/** The layout of encoded rows: one row-major matrix of ids, one of numbers, and separate buffers for each bag. */
export interface Layout {
  /** Features with one id per row, in column order of the id matrix. */
  readonly ids: readonly string[];
  /** Column ranges of the matrix of numbers; labels and weight come last. */
  readonly numbers: readonly { readonly name: string; readonly offset: number; readonly width: number }[];
  /** Columns of the matrix of numbers. */
  readonly numbersWidth: number;
  readonly bags: readonly string[];
  /** Bags with weighted ids. */
  readonly weighted: readonly string[];
}

/** @param labels number of labels per row; the weight is stored with them. 0: neither labels nor weight */
export function layoutOf(fitted: FittedFeatures, labels: number): Layout {
  const named = (kind: string) => fitted.features.filter((f) => f.kind === kind).map((f) => f.name);
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
  const weighted = fitted.features.filter(({ reading }) => reading.weighted).map(({ name }) => name);
  return { ids: named("id"), numbers, numbersWidth, bags: named("ids"), weighted };
}

/** Bags of ids, weighted or not, that grow row by row. */
export class BagBuffer {
  values: Int32Array = NO_IDS;
  /** The weight of each value. */
  weights?: Float32Array;
  /** Row r is `values[ends[r - 1] .. ends[r])`. */
  readonly ends: Float64Array;
  length = 0;

  constructor(rows: number, weighted: boolean) {
    if (weighted) this.weights = NO_WEIGHTS;
    this.ends = new Float64Array(rows);
  }

  push(id: number, weight = 1): void {
    this.reserve(1);
    if (this.weights) this.weights[this.length] = weight;
    this.values[this.length++] = id;
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
    this.values.set(other.values.subarray(from, to), this.length);
    this.weights?.set(other.weights!.subarray(from, to), this.length);
    for (let r = start; r < end; r++) this.ends[at + r - start] = other.ends[r] - from + this.length;
    this.length += to - from;
  }

  private grow(least: number): void {
    const size = Math.max(least, this.values.length * 2, 64);
    const { values, weights } = this;
    this.values = new Int32Array(size);
    this.values.set(values);
    if (!weights) return;
    this.weights = new Float32Array(size);
    this.weights.set(weights);
  }
}

const NO_IDS = new Int32Array(0);
const NO_WEIGHTS = new Float32Array(0);

/** A buffer of up to `capacity` encoded rows. */
export class Block {
  rows = 0;
  readonly ids: Int32Array;
  readonly numbers: Float32Array;
  readonly bags: readonly BagBuffer[];

  constructor(
    readonly layout: Layout,
    readonly capacity: number,
  ) {
    this.ids = new Int32Array(capacity * layout.ids.length);
    this.numbers = new Float32Array(capacity * layout.numbersWidth);
    this.bags = layout.bags.map((name) => new BagBuffer(capacity, layout.weighted.includes(name)));
  }

  /** Appends rows `[start, end)` of a block with the same layout. The caller must ensure that they fit. */
  append(other: Block, start: number, end: number): void {
    const F = this.layout.ids.length;
    const W = this.layout.numbersWidth;
    this.ids.set(other.ids.subarray(start * F, end * F), this.rows * F);
    this.numbers.set(other.numbers.subarray(start * W, end * W), this.rows * W);
    this.bags.forEach((bag, i) => {
      bag.append(other.bags[i], start, end, this.rows);
    });
    this.rows += end - start;
  }

  clear(): void {
    this.rows = 0;
    for (const bag of this.bags) bag.length = 0;
  }

  /** Views of the rows as columns. They share memory with the block. */
  columnSet(): ColumnSet {
    const bags = this.bags.map(({ values, weights, ends, length }) => ({
      values: values.subarray(0, length),
      offsets: offsetsOf(ends.subarray(0, this.rows), 0),
      weights: weights?.subarray(0, length),
    }));
    const ids = this.ids.subarray(0, this.rows * this.layout.ids.length);
    const numbers = this.numbers.subarray(0, this.rows * this.layout.numbersWidth);
    return { rows: this.rows, columns: columnsOf(this.layout, ids, numbers, bags) };
  }
}

/** Splits the two matrices and the bags of a layout into columns. */
export function columnsOf(
  layout: Layout,
  ids: Int32Array,
  numbers: Float32Array,
  bags: readonly Omit<BagColumn, "kind">[],
): Map<string, Column> {
  const columns = new Map<string, Column>();
  layout.ids.forEach((name, offset) => {
    columns.set(name, { kind: "id", data: ids, offset, stride: layout.ids.length });
  });
  for (const { name, offset, width } of layout.numbers)
    columns.set(name, { kind: "number", data: numbers, offset, stride: layout.numbersWidth, width });
  layout.bags.forEach((name, i) => {
    columns.set(name, { kind: "ids", ...bags[i] });
  });
  return columns;
}

/** `[base, base + ends…]` as u64, written as pairs of 32-bit words because one BigInt per row is slow. */
export function offsetsOf(ends: Float64Array, base: number): BigUint64Array {
  const offsets = new BigUint64Array(ends.length + 1);
  const words = new Uint32Array(offsets.buffer);
  const write = (i: number, value: number) => {
    words[2 * i] = value;
    words[2 * i + 1] = Math.floor(value / 2 ** 32);
  };
  write(0, base);
  for (let r = 0; r < ends.length; r++) write(r + 1, base + ends[r]);
  return offsets;
}
