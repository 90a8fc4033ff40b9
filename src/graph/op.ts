import { GraphError } from "../errors.js";
import type { HalfDtype } from "../half.js";
import type { AccumulationGroups } from "./accumulation.js";
import type { Tensor, TensorType } from "./tensor.js";
import type { Admission } from "./translation.js";

/** Attributes are plain data, so that a graph can be printed, compared and encoded. */
// biome-ignore lint/suspicious/noExplicitAny: each operation narrows its own attributes
export type Attrs = any;

/** The attributes of an operation that has none. */
export type NoAttrs = Record<string, never>;

/**
 * How an operation meets the batch:
 * - `source`: made by the caller (input, parameter, scalar);
 * - `rowwise`: output row b depends on input row b and on fixed inputs only;
 * - `reduces`: sums (or otherwise folds) the rows into a fixed output;
 * - `fixed`: works on fixed tensors, such as weights and their gradients;
 * - `table`: updates or measures a table by the ids and gradients of the whole batch;
 * - `batch`: reads the rows of the whole batch at once, and gives rows or a fixed output.
 */
export type Execution = "source" | "rowwise" | "reduces" | "fixed" | "table" | "batch";

/** How the partial results of a `reduces` operation are folded (see docs/design/program-format.md). */
export type Combine = "sum" | "mean" | "moments";

export interface Node<A = Attrs> {
  readonly op: Op<A>;
  readonly inputs: readonly Tensor[];
  readonly attrs: A;
  readonly outputs: readonly Tensor[];
}

/**
 * One gradient of a table: rows `ids` get `grad` [B, D], a bag's ids each, times the id's weight where it has one
 * (divided by the count for a mean).
 */
export interface SparseGradient {
  readonly ids: Tensor;
  readonly grad: Tensor;
  readonly pooling: Pooling;
}
export type Pooling = "sum" | "mean";

/** Adds an equation to the graph and returns its outputs. */
export type Apply = <A>(op: Op<A>, inputs: readonly Tensor[], attrs: A) => readonly Tensor[];

export interface GradientRequest<A = Attrs> {
  readonly node: Node<A>;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
  /** The gradient of the loss by each output; undefined where the loss does not depend on it. */
  readonly outputGradients: readonly (Tensor | undefined)[];
  readonly apply: Apply;
}

/** The gradient of the loss by each input; undefined for inputs that have none (labels, ids, statistics). */
export type InputGradients = readonly (Tensor | SparseGradient | undefined)[];

export type Floats = Float32Array | Float64Array;

/** Concrete values, as the reference kernels see them. Row-major; shapes have the batch size filled in. */
export interface DenseValue {
  readonly kind: "fp32";
  readonly shape: readonly number[];
  readonly data: Floats;
}
/** A table of 16-bit numbers. */
export interface HalfValue {
  readonly kind: HalfDtype;
  readonly shape: readonly number[];
  readonly data: Uint16Array;
}
export interface IdValue {
  readonly kind: "id";
  readonly data: Int32Array | Float64Array;
}
export interface BagValue {
  readonly kind: "ids";
  readonly values: Int32Array | Float64Array;
  /** rows + 1 ascending positions. */
  readonly offsets: ArrayLike<number>;
  /** The weight of each of `values`; absent: all weigh 1. */
  readonly weights?: Float32Array;
}
export type Value = DenseValue | HalfValue | IdValue | BagValue;

/** What a kernel may depend on besides its operands: what names every random draw, and the translations by name. */
export interface StepContext {
  readonly translations?: ReadonlyMap<string, Admission>;
  readonly rows: number;
  readonly step: number;
  readonly seed: number;
  /** How the batch is cut where sums depend on it; left out, it is one group. */
  readonly accumulation?: AccumulationGroups;
}

export interface KernelCall<A = Attrs> {
  readonly node: Node<A>;
  readonly inputs: readonly Value[];
  /** Preallocated and zero. */
  readonly outputs: readonly Value[];
  readonly attrs: A;
  readonly context: StepContext;
}

/** An instruction as its cost sees it. */
export interface CostRequest {
  /**
   * Its operands, inputs then outputs, as the program has them (docs/design/program-format.md), with the rows of the
   * batch filled in: [rows, …]. Ids are [rows], bags [ids in all of them].
   */
  readonly shapes: readonly (readonly number[])[];
  /** As `encode` writes them. */
  readonly attributes: readonly number[];
}

/** What an instruction has to do, however a kernel does it. */
export interface Cost {
  /**
   * Additions, products, comparisons, quotients, roots, exponentials and logarithms count one each, so that a
   * multiply-add is two. Random draws, activations fused into a layer and what is done once a column do not count.
   */
  readonly flops: number;
  /** Elements that have to be read and written of each operand. */
  readonly elements: readonly number[];
}

/** The rules of an instruction. The native core, its verifier and the format's documentation are generated from them. */
export interface InstructionRules {
  readonly kind: string;
  /** Stable number in the program format. */
  readonly opcode: number;
  readonly execution: Execution;
  /**
   * Whether an element of the output depends on the operands' elements at the same place and on single numbers only: a
   * row operation may then write over its first or second operand, and a fixed one may be cut anywhere.
   */
  readonly elementwise?: boolean;
  /**
   * Operands, inputs then outputs, in the language of native/program/signature.h. Absent for an operation that is no
   * instruction: a view, or memory that the caller binds.
   */
  readonly operands?: string;
  /** Attributes in the order in which `encode` gives them, in the same language. */
  readonly attributes?: string;
  /** What the instruction computes, in Markdown, with the names of `operands` and `attributes`. */
  readonly meaning?: string;
}

export interface Op<A = Attrs> extends InstructionRules {
  readonly combine?: Combine;
  /** What the caller binds by the attribute `name`: a column of the data, memory of a parameter or scalar, or a translation. */
  readonly binds?: "input" | "parameter" | "scalar" | "translation";
  /** Whether the output is the inputs one after the other, so that their producers can write into it. */
  readonly joins?: boolean;
  /** The output is a view of the first input, from this element (of each row) on: no data moves, no instruction runs. */
  viewOffset?(node: Node<A>): number;
  /** Whether the operation is a matrix product that takes the attribute `precision`. */
  readonly hasPrecision?: boolean;
  /** The types of the outputs; throws GraphError where the inputs do not fit. */
  infer(inputs: readonly TensorType[], attrs: A): readonly TensorType[];
  /** Emits the gradient as more graph. Absent: the operation passes no gradient on. */
  gradient?(request: GradientRequest<A>): InputGradients;
  /** What it costs to run. */
  cost(request: CostRequest): Cost;
  /** The meaning of the operation, in plain loops over float32 or float64. */
  reference(call: KernelCall<A>): void;
  /** The attributes of the program instruction, in the order of `attributes`. */
  encode?(node: Node<A>): number[];
}

/** Declares an operation; only there to infer the attribute type. */
export function defineOp<A>(op: Op<A>): Op<A> {
  return op;
}

export function isSparse(gradient: Tensor | SparseGradient): gradient is SparseGradient {
  return "ids" in gradient;
}

/** The dense value at hand; kernels of fp32 operands use it to narrow. */
export function asFp32(value: Value): DenseValue {
  if (value.kind !== "fp32")
    throw new GraphError({
      what: "a kernel met a value of the wrong kind",
      got: value.kind,
      expected: "fp32",
    });
  return value;
}
