import type { Column } from "../columns/columns.js";
import type { Shuffle } from "../columns/order.js";
import type { Graph } from "../graph/graph.js";
import type { TableDtype } from "../graph/tensor.js";
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
}

/** What a run leaves: each output of the graph, a row (in the order of the positions) or a step at a time. */
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
  /** The parameters will not change after the first run: what is derived from them (packed weights) is kept. */
  readonly frozen?: boolean;
}

/** The memory of a parameter; a `Uint16Array` where it has 16-bit numbers. */
export type ParameterArray = Float32Array | Uint16Array;

export interface Backend {
  readonly name: string;
  /** Whether the processor multiplies bfloat16: without, the precision bf16 gives its results no faster than fp32. */
  readonly multipliesBf16: boolean;
  /** Memory for a parameter, by default of f32; every executable that is given the same array shares it. */
  allocate(elements: number, dtype?: TableDtype): ParameterArray;
  /**
   * Fills `target` as `init` says; the draws are named by (seed, stream). 16-bit numbers are the nearest to those of f32,
   * which is the default.
   */
  initialize(
    target: ParameterArray,
    init: Initializer,
    seed: number,
    stream: number,
    dtype?: TableDtype,
  ): void;
  /**
   * @param graph a simplified graph
   * @param parameters an array for every parameter of the graph, by name
   */
  compile(graph: Graph, parameters: ReadonlyMap<string, ParameterArray>, options: CompileOptions): Executable;
}
