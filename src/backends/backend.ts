import type { Column } from "../columns/columns.js";
import type { Shuffle } from "../columns/order.js";
import type { AccumulationGroups } from "../graph/accumulation.js";
import type { Graph } from "../graph/graph.js";
import type { TableDtype } from "../graph/tensor.js";
import type { Translation, TranslationSpec } from "../graph/translation.js";
import type { Numbers } from "../half.js";
import type { Ceilings } from "../native/addon.js";
import type { Initializer } from "../ops/sources.js";

/** Which rows a run takes, and how: positions [start, start + count) of the data, or of a shuffled epoch. */
export interface RunRequest {
  /** A column for every input of the graph, by the input's name. */
  readonly columns: ReadonlyMap<string, Column>;
  /** Rows of the columns. */
  readonly rows: number;
  readonly start: number;
  readonly count: number;
  /** Rows a step; the last step of a run may have fewer. */
  readonly batch: number;
  readonly shuffle?: Shuffle;
  /** Names the random draws, with the step. */
  readonly seed: number;
  /** The number of the first step, counted over the whole training. */
  readonly firstStep: number;
  /** A value for every step, by the scalar's name. */
  readonly scalars: ReadonlyMap<string, Float32Array>;
  /** The outputs wanted, by name; the others are neither allocated nor copied. Left out: all. */
  readonly outputs?: readonly string[];
}

/** What a run leaves: each output that was wanted, a row (in the order of the positions) or a step at a time. */
export type RunResult = ReadonlyMap<string, Float32Array>;

/** A graph compiled for one backend and bound to its parameters. */
export interface Executable {
  /** Runs all the steps of the request without blocking the event loop. */
  run(request: RunRequest): Promise<RunResult>;
  /** The same on the calling thread: for small requests, where a thread hop costs more than the work. */
  runSync(request: RunRequest): RunResult;
}

export interface CompileOptions {
  /** The largest batch that will be run. */
  readonly maxBatch: number;
  readonly threads?: number;
  /** Of every table whose ids are translated, by the table's name. */
  readonly translations?: ReadonlyMap<string, Translation>;
  /** The parameters will not change after the first run: what is derived from them (packed weights) is kept. */
  readonly frozen?: boolean;
  /** How a training run cuts its batches; chosen from the graph and the largest batch where it is left out. */
  readonly geometry?: AccumulationGroups;
}

/**
 * The numbers of a parameter, wherever the backend has them: on the heap, in a mapped file, on a device. They may be more
 * than one array holds, so they are read and written by ranges; whatever works on all of them does it in pieces.
 */
export interface Memory {
  readonly elements: number;
  readonly dtype: TableDtype;
  /** Copies the elements from number `from` on into `into`, as many as it holds. @throws ExecutionError outside */
  read(from: number, into: Numbers): void;
  /** Copies `values` to the elements from number `from` on. @throws ExecutionError outside, or where it is a file */
  write(from: number, values: Numbers): void;
  /** Copies all elements of another memory of this backend, of the same size and dtype. */
  copyFrom(source: Memory): void;
  /**
   * Sets every element as `init` says; the draws are named by (seed, stream). 16-bit numbers are the nearest to those of
   * fp32.
   */
  fill(init: Initializer, seed: number, stream: number): void;
}

export interface Backend {
  readonly name: string;
  /** Whether the processor multiplies bfloat16: without, the precision bf16 gives its results no faster than fp32. */
  readonly multipliesBf16: boolean;
  /** Zeroed memory for a parameter, by default of fp32; every executable that is given the same memory shares it. */
  allocate(elements: number, dtype?: TableDtype): Memory;
  /**
   * Elements of a file, from byte `offset` on, as memory that is only read: processes that map one file share its pages.
   * Absent where the backend cannot. The file must not be truncated meanwhile.
   * @throws ExecutionError where the file is too short, or `offset` no multiple of an element's bytes
   */
  map?(path: string, offset: number, elements: number, dtype: TableDtype): Memory;
  /** A translation as it begins; every executable that is given the same one shares it. */
  translation(spec: TranslationSpec): Translation;
  /** Measures what this machine does at most with so many threads. Absent where the backend cannot. */
  ceilings?(threads: number): Ceilings;
  /**
   * @param graph a simplified graph
   * @param parameters the memory of every parameter of the graph, by name
   */
  compile(graph: Graph, parameters: ReadonlyMap<string, Memory>, options: CompileOptions): Executable;
}
