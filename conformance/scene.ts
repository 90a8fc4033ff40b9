import fc from "fast-check";
import type { BagColumn, Column, FloatColumn, IdColumn } from "../src/columns/columns.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import type { Op } from "../src/graph/op.js";
import { type Entries, entriesOf, fp32, type Tensor, type TensorType, width } from "../src/graph/tensor.js";
import type { TranslationSpec } from "../src/graph/translation.js";
import { OPS } from "../src/ops/index.js";
import type { ParameterRole } from "../src/ops/sources.js";
import { drawKey, drawUnit } from "../src/random.js";

/** A graph with all that one step of it needs. */
export interface Example {
  readonly graph: Graph;
  readonly parameters: ReadonlyMap<string, Float32Array>;
  readonly columns: ReadonlyMap<string, Column>;
  readonly scalars: ReadonlyMap<string, number>;
  readonly translations: ReadonlyMap<string, TranslationSpec>;
  readonly rows: number;
  readonly step: number;
  readonly seed: number;
}

/** A sequence, and the number of its entries in each row. */
export interface Sequence {
  readonly entries: Entries;
  readonly lengths: readonly number[];
}

export interface SceneOptions {
  readonly rows: number;
  /** The largest size that `size()` draws. */
  readonly largest: number;
  /** Mixes NaN and infinities into the rows. */
  readonly special?: boolean;
}

const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0];

/**
 * Makes operands with random sizes and values, and the graph around them. Row operands are rows of a trainable table,
 * picked by random ids with duplicates, so that a gradient by an input is a gradient by a parameter.
 */
export class Scene {
  readonly rows: number;
  private readonly builder = new GraphBuilder();
  private readonly parameters = new Map<string, Float32Array>();
  private readonly columns = new Map<string, Column>();
  private readonly scalars = new Map<string, number>();
  private readonly translations = new Map<string, TranslationSpec>();
  private readonly bagsOf = new Map<Entries, Tensor>();
  private readonly key = drawKey(1, 2, 3);
  private draws = 0;
  private names = 0;

  constructor(
    private readonly generate: fc.GeneratorValue,
    private readonly options: SceneOptions,
  ) {
    this.rows = options.rows;
    this.draws = generate(fc.nat);
  }

  apply<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
    return this.builder.apply(op, inputs, attrs)[0];
  }

  applyAll<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): readonly Tensor[] {
    return this.builder.apply(op, inputs, attrs);
  }

  /** An integer in [1, most]. */
  size(most = this.options.largest): number {
    return this.generate(fc.integer, { min: 1, max: most });
  }

  pick<T>(...choices: readonly T[]): T {
    return choices[this.generate(fc.integer, { min: 0, max: choices.length - 1 })];
  }

  /** fp32 [B, …dims], trainable, in [-1, 1). */
  row(...dims: number[]): Tensor {
    const columns = dims.reduce((product, dim) => product * dim, 1);
    const distinct = Math.max(1, Math.ceil(this.rows * 0.7));
    const table = this.weight(distinct, columns);
    if (this.options.special) this.spoil([...this.parameters.values()].at(-1)!);
    const x = this.apply(OPS.embedding, [table, this.ids(distinct)], {});
    return dims.length === 1 ? x : this.apply(OPS.reshape, [x], { dims });
  }

  /** A fixed trainable parameter, in [-1, 1). */
  weight(...shape: number[]): Tensor {
    return this.parameter(shape, shape.length === 2 ? "table" : "dense", true, () => this.signed());
  }

  /** A fixed parameter that is not trained, in [0.1, 1.1). */
  state(...shape: number[]): Tensor {
    return this.parameter(shape, "state", false, () => this.unit() + 0.1);
  }

  /** A column of the data, fp32 [B, columns] in [0, 1). */
  data(columns: number): Tensor {
    const data = Float32Array.from({ length: this.rows * columns }, () => this.unit());
    const column: FloatColumn = { kind: "number", data, offset: 0, stride: columns, width: columns };
    return this.input(fp32("B", columns), 0, column);
  }

  /** A column of classes, fp32 [B, 1]: whole numbers below `classes`. */
  classes(classes: number): Tensor {
    const data = Float32Array.from({ length: this.rows }, () => this.below(classes));
    return this.input(fp32("B", 1), 0, { kind: "number", data, offset: 0, stride: 1, width: 1 });
  }

  /** A column of places in lists of up to 5, some of which no list has: fp32 [B, columns]. */
  places(columns: number): Tensor {
    const data = Float32Array.from({ length: this.rows * columns }, () => this.below(7) - 1);
    const column: FloatColumn = { kind: "number", data, offset: 0, stride: columns, width: columns };
    return this.input(fp32("B", columns), 0, column);
  }

  ids(limit: number): Tensor {
    const data = Int32Array.from({ length: this.rows }, () => this.below(limit));
    const column: IdColumn = { kind: "id", data, offset: 0, stride: 1 };
    return this.input({ dtype: "id", shape: ["B"] }, limit, column);
  }

  /** Bags of 0 to 5 ids, some columns with weights in [-1, 1). */
  bags(limit: number): Tensor {
    return this.input(
      { dtype: "ids", shape: ["B"] },
      limit,
      this.weighted(this.bagColumn(limit, this.lengths())),
    );
  }

  /** Begins a sequence of 0 to 5 entries a row, now and then more than a tile has rows. */
  sequence(): Sequence {
    const lengths = this.lengths().map((length) => (this.below(20) === 0 ? length * 40 : length));
    return { entries: `L:${this.name("s")}`, lengths };
  }

  /** The bag of a column of ids of the sequence. */
  entryIds(limit: number, { entries, lengths }: Sequence): Tensor {
    return this.input(
      { dtype: "ids", shape: ["B"], entries },
      limit,
      this.weighted(this.bagColumn(limit, lengths)),
    );
  }

  /** fp32 [L, columns] of the sequence, trainable, in [-1, 1). */
  entries(columns: number, sequence: Sequence): Tensor {
    const distinct = Math.max(1, this.rows);
    const table = this.weight(distinct, columns);
    if (this.options.special) this.spoil([...this.parameters.values()].at(-1)!);
    return this.apply(OPS.embedEntries, [table, this.entryIds(distinct, sequence)], {});
  }

  /** Ids within the entries of a sequence, as a sequence of their own: the bag with the place of each id's entry, or of none. */
  within({ lengths }: Sequence): { bag: Tensor; sequence: Sequence } {
    const sequence = this.sequence();
    const places = sequence.lengths.flatMap((count, b) =>
      Array.from({ length: count }, () => this.pick(0, 0, 0, -1, 0.5) + this.below(lengths[b] + 1)),
    );
    const column = { ...this.bagColumn(3, sequence.lengths), weights: Float32Array.from(places) };
    const bag = this.input({ dtype: "ids", shape: ["B"], entries: sequence.entries }, 3, column);
    return { bag, sequence };
  }

  /** A sequence with about as many entries in each row as two others have together. */
  joined(a: Sequence, b: Sequence): Sequence {
    const more = this.pick(0, 0, 1, -1);
    const lengths = a.lengths.map((length, i) => Math.max(0, length + b.lengths[i] + more));
    return { entries: `L:${this.name("s")}`, lengths };
  }

  private lengths(): number[] {
    return Array.from({ length: this.rows }, () => this.below(6));
  }

  /** The column, half of the time with weights. */
  private weighted(column: BagColumn): BagColumn {
    if (!this.pick(true, false)) return column;
    return { ...column, weights: Float32Array.from(column.values as Int32Array, () => this.signed()) };
  }

  private bagColumn(limit: number, lengths: readonly number[]): BagColumn {
    const offsets = new BigUint64Array(this.rows + 1);
    for (const [b, length] of lengths.entries()) offsets[b + 1] = offsets[b] + BigInt(length);
    const values = Int32Array.from({ length: Number(offsets[this.rows]) }, () => this.below(limit));
    return { kind: "ids", values, offsets };
  }

  /** The name of a translation. */
  translation(spec: TranslationSpec): string {
    const name = this.name("translation");
    this.translations.set(name, spec);
    return name;
  }

  /** Whole numbers from 0 to n - 1 in any order. */
  permutation(n: number): number[] {
    return this.generate(
      fc.shuffledSubarray,
      Array.from({ length: n }, (_, i) => i),
      { minLength: n },
    );
  }

  /** A learning rate [1]. */
  rate(): Tensor {
    const name = this.name("rate");
    this.scalars.set(name, 0.01 + this.unit());
    return this.apply(OPS.scalar, [], { name });
  }

  /** A random weighted mean of all elements of the row tensors: [1], or the mean itself of a lone [1]. */
  project(outputs: readonly Tensor[]): Tensor {
    const columns = outputs.map((output) => {
      const tensor = this.pooled(output);
      const flat = this.apply(OPS.reshape, [tensor], { dims: [width(tensor)] });
      const weighted = this.apply(OPS.multiply, [flat, this.data(width(tensor))], {});
      return this.apply(OPS.sumColumns, [weighted], {});
    });
    const sum = columns.length > 1 ? this.apply(OPS.add, columns, {}) : columns[0];
    return this.apply(OPS.batchMean, [sum], {});
  }

  /** The sum of a row's entries; other tensors stay. */
  pooled(tensor: Tensor): Tensor {
    const bag = this.bagsOf.get(entriesOf(tensor)!);
    return bag ? this.apply(OPS.segmentSum, [tensor, bag], { pooling: "sum" }) : tensor;
  }

  /** The graph so far, with the outputs `y0`, `y1`, …. */
  example(outputs: readonly Tensor[]): Example {
    for (const [i, tensor] of outputs.entries()) this.builder.output(`y${i}`, tensor);
    return {
      graph: this.builder.finish(),
      parameters: this.parameters,
      columns: this.columns,
      scalars: this.scalars,
      translations: this.translations,
      rows: this.rows,
      step: this.pick(0, 1, 999),
      seed: this.pick(0, 42, 2 ** 40 + 3),
    };
  }

  private parameter(
    shape: readonly number[],
    role: ParameterRole,
    trainable: boolean,
    value: () => number,
  ): Tensor {
    const name = this.name("p");
    const length = shape.reduce((product, dim) => product * dim, 1);
    this.parameters.set(name, Float32Array.from({ length }, value));
    return this.apply(OPS.parameter, [], {
      name,
      shape,
      role,
      trainable,
      init: { kind: "constant", value: 0 },
    });
  }

  private input(type: TensorType, limit: number, column: Column): Tensor {
    const name = this.name("x");
    this.columns.set(name, column);
    const made = this.apply(OPS.input, [], { name, type, limit });
    if (type.entries) this.bagsOf.set(type.entries, made);
    return made;
  }

  private spoil(values: Float32Array): void {
    for (let i = 0; i < values.length; i++) if (this.below(16) === 0) values[i] = SPECIAL[this.below(5)];
  }

  private name(prefix: string): string {
    return `${prefix}${this.names++}`;
  }

  private unit(): number {
    return drawUnit(this.key, this.draws++);
  }

  private signed(): number {
    return 2 * this.unit() - 1;
  }

  private below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }
}
