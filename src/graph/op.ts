import { GraphError } from "../errors.js";
import type { HalfDtype } from "../half.js";
import type { AccumulationGroups } from "./accumulation.js";
import type { Tensor, TensorType } from "./tensor.js";
import type { Admission, RowNames } from "./translation.js";

/** Attributes are plain data, so that a graph can be printed, compared and encoded. */
// biome-ignore lint/suspicious/noExplicitAny: each operation narrows its own attributes
export type Attrs = any;

/** The attributes of an operation without attributes. */
export type NoAttrs = Record<string, never>;

/**
 * The execution kind of an operation:
 * - `source`: provided by the caller (input, parameter, scalar);
 * - `rowwise`: output row b depends on input row b and on fixed inputs only;
 * - `reduces`: sums (or otherwise folds) the rows into a fixed output;
 * - `fixed`: works on fixed tensors, such as weights and their gradients;
 * - `table`: updates or measures a table with the ids and gradients of the whole batch;
 * - `batch`: reads the rows of the whole batch at once, and returns rows or a fixed output;
 * - `exchange`: sends to other ranks and receives from them.
 */
export type Execution = "source" | "rowwise" | "reduces" | "fixed" | "table" | "batch" | "exchange";

/** How partial results of a `reduces` operation are combined (see docs/design/program-format.md). */
export type Combine = "sum" | "mean" | "moments";

/**
 * What an update of a table needs of a whole row: its gradient, and with an L2 penalty, which is part of it, its weights; in any
 * case its weights; or these and its states of the same shape.
 */
export type WholeRow = "gradient" | "weights" | "states";

export interface Node<A = Attrs> {
  readonly op: Op<A>;
  readonly inputs: readonly Tensor[];
  readonly attrs: A;
  readonly outputs: readonly Tensor[];
}

/**
 * One gradient of a table: rows `ids` get `grad` [B, D]. Each id of a bag gets the gradient times its weight, if it has
 * one (divided by the count for a mean). With a line per entry, `grad` [L, D], each id of a bag gets its own.
 */
export interface SparseGradient {
  readonly ids: Tensor;
  readonly grad: Tensor;
  readonly pooling: Pooling;
}
export type Pooling = "sum" | "mean";

/** The gradient of the columns of a row tensor from `start` on: `part` [B, size, …]. That of the others is 0. */
export interface RangeGradient {
  readonly start: number;
  readonly part: Tensor;
}

export type Gradient = Tensor | SparseGradient | RangeGradient;

/** Adds an equation to the graph and returns its outputs. */
export type Apply = <A>(op: Op<A>, inputs: readonly Tensor[], attrs: A) => readonly Tensor[];

export interface GradientRequest<A = Attrs> {
  readonly node: Node<A>;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
  /** The gradient of the loss with respect to each output; undefined if the loss does not depend on it. */
  readonly outputGradients: readonly (Tensor | undefined)[];
  readonly apply: Apply;
}

/** The gradient of the loss with respect to each input; undefined for inputs without one (labels, ids, statistics). */
export type InputGradients = readonly (Gradient | undefined)[];

export type Floats = Float32Array | Float64Array;

/** Concrete values for the reference kernels. Row-major; shapes contain the actual batch size. */
export interface DenseValue {
  readonly kind: "fp32";
  readonly shape: readonly number[];
  readonly data: Floats;
  /** Of a parameter, if changes are tracked: a byte per row, all bits of which are set when the row is updated. */
  readonly changed?: Uint8Array;
}
/** A table of 16-bit numbers. */
export interface HalfValue {
  readonly kind: HalfDtype;
  readonly shape: readonly number[];
  readonly data: Uint16Array;
  readonly changed?: Uint8Array;
}
export interface IdValue {
  readonly kind: "id";
  readonly data: Int32Array | Float64Array;
  /** Set by the translation that the rows come from, if they have other names than themselves. */
  names?: RowNames;
  /** Of sums that have returned from ranks: the accumulation group of each, ascending. */
  readonly groups?: readonly number[];
}
export interface BagValue {
  readonly kind: "ids";
  readonly values: Int32Array | Float64Array;
  /** rows + 1 ascending positions. */
  readonly offsets: ArrayLike<number>;
  /** One weight per element of `values`; absent: all weights are 1. */
  readonly weights?: Float32Array;
  names?: RowNames;
}
/** One key per row, which only a translation reads. */
export interface KeyValue {
  readonly kind: "key";
  readonly data: BigInt64Array;
}
export interface KeyBagValue extends Pick<BagValue, "offsets" | "weights"> {
  readonly kind: "keys";
  readonly values: BigInt64Array;
}
export type Value = DenseValue | HalfValue | IdValue | BagValue | KeyValue | KeyBagValue;

/** What a kernel may depend on besides its operands: the key of random draws, and the translations by name. */
export interface StepContext {
  readonly translations?: ReadonlyMap<string, Admission>;
  readonly rows: number;
  readonly step: number;
  readonly seed: number;
  /** How the batch is divided, if sums depend on it. Default: one group. */
  readonly accumulation?: AccumulationGroups;
}

export interface KernelCall<A = Attrs> {
  readonly node: Node<A>;
  readonly inputs: readonly Value[];
  /** Preallocated and zeroed. */
  readonly outputs: readonly Value[];
  readonly attrs: A;
  readonly context: StepContext;
}

/** An instruction, for cost estimates. */
export interface CostRequest {
  /**
   * Its operands, inputs then outputs, as in the program (docs/design/program-format.md), with the number of rows
   * filled in: [rows, …]. Ids are [rows], bags [total ids].
   */
  readonly shapes: readonly (readonly number[])[];
  /** As written by `encode`. */
  readonly attributes: readonly number[];
}

/** The cost of an instruction, independent of the kernel. */
export interface Cost {
  /**
   * Additions, products, comparisons, quotients, roots, exponentials and logarithms count as one each, so a
   * multiply-add counts as two. Random draws, activations fused into a layer, and work done once per column are not
   * counted.
   */
  readonly flops: number;
  /** Elements read and written per operand. */
  readonly elements: readonly number[];
}

/**
 * The rules of an instruction. The native core, its verifier and the format's documentation are generated from them.
 */
export interface InstructionRules {
  readonly kind: string;
  /** Stable number in the program format. */
  readonly opcode: number;
  readonly execution: Execution;
  /**
   * True if an output element depends only on the operands' elements at the same position and on single numbers. Then a
   * row operation may write over its first or second operand, and a fixed one may be divided anywhere.
   */
  readonly elementwise?: boolean;
  /** Of an update of a table that does not work element by element: what it needs of a whole row. */
  readonly wholeRow?: WholeRow;
  /**
   * Whether operands may have a line per entry of a sequence, not per row of the batch:
   * - `rows`: the entries of one sequence may take the place of rows in all operands;
   * - `chunks`: relates entries to their rows, for some entries of a row at a time;
   * - `segments`: reads or writes all entries of a row at once, as a row operation or after all rows.
   */
  readonly entries?: "rows" | "chunks" | "segments";
  /**
   * Operands, inputs then outputs, in the language of native/program/signature.h. Absent for an operation without an
   * instruction: a view, or memory bound by the caller.
   */
  readonly operands?: string;
  /** Attributes in the order of `encode`, in the same language. */
  readonly attributes?: string;
  /** The result of the instruction, in Markdown, with the names of `operands` and `attributes`. */
  readonly meaning?: string;
}

export interface Op<A = Attrs> extends InstructionRules {
  readonly combine?: Combine;
  /** True if the outputs are received from other ranks, in memory of their own whose size depends on the step. */
  readonly receives?: boolean;
  /** All equations of the operations with this word run in one stage, the one of the latest. They follow what makes their operands. */
  readonly together?: string;
  /** True if it folds the partial results of its operands, a reduction's. */
  readonly folds?: boolean;
  /** Of an operation that reads the whole batch: each rank processes its own rows, and the results of ranks add up. */
  readonly additive?: boolean;
  /**
   * What the caller binds under the attribute `name`: a data column, memory of a parameter or scalar, or a translation.
   */
  readonly binds?: "input" | "parameter" | "scalar" | "translation";
  /** True if the output is the concatenation of the inputs, so that their producers can write into it. */
  readonly joins?: boolean;
  /**
   * The output is a view of the first input that begins at this element (of each row). No data is moved and no
   * instruction runs.
   */
  viewOffset?(node: Node<A>): number;
  /** True if the operation is a matrix product with the attribute `precision`. */
  readonly hasPrecision?: boolean;
  /**
   * Infers the types of the outputs.
   * @throws GraphError if the inputs do not fit
   */
  infer(inputs: readonly TensorType[], attrs: A): readonly TensorType[];
  /** Adds the gradient to the graph. Absent: the operation passes no gradient on. */
  gradient?(request: GradientRequest<A>): InputGradients;
  /** Cost of running it. */
  cost(request: CostRequest): Cost;
  /** Reference implementation, in plain loops over float32 or float64. */
  reference(call: KernelCall<A>): void;
  /** The attributes of the program instruction, in the order of `attributes`. */
  encode?(node: Node<A>): number[];
}

/** Declares an operation; used to infer the type of its attributes. */
export function defineOp<A>(op: Op<A>): Op<A> {
  return op;
}

export const isSparse = (gradient: Gradient): gradient is SparseGradient => "ids" in gradient;

export const isRange = (gradient: Gradient): gradient is RangeGradient => "part" in gradient;

/** Narrows a value to a dense one, for kernels with fp32 operands. */
export function asFp32(value: Value): DenseValue {
  if (value.kind !== "fp32")
    throw new GraphError({
      what: "a kernel met a value of the wrong kind",
      got: value.kind,
      expected: "fp32",
    });
  return value;
}
