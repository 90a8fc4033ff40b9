import type { Column } from "../columns/columns.js";
import type { Shuffle } from "../columns/order.js";
import type { World } from "../distributed/world.js";
import type { AccumulationGroups } from "../graph/accumulation.js";
import type { Graph } from "../graph/graph.js";
import type { Initializer, RowInitializer } from "../graph/initializer.js";
import type { ColumnRange, Placement, Shard, SlotRange } from "../graph/placement.js";
import type { TableDtype } from "../graph/tensor.js";
import type { Admission, DynamicSpec, TranslationSpec } from "../graph/translation.js";
import type { Numbers } from "../half.js";
import type { Ceilings, Rows } from "../native/addon.js";
import type { QuantizedAttrs } from "../quantized-rows.js";

export type { Rows } from "../native/addon.js";

/** The rows of a run: positions [start, start + count) of the data, or of a shuffled epoch. */
export interface RunRequest {
  /** One column per input of the graph, by the input's name. */
  readonly columns: ReadonlyMap<string, Column>;
  /** For inputs with a mask: a column of one row, the value in masked samples. */
  readonly masked?: ReadonlyMap<string, Column>;
  /** Number of rows in the columns. */
  readonly rows: number;
  readonly start: number;
  readonly count: number;
  /** Rows per step; the last step of a run may have fewer. */
  readonly batch: number;
  readonly shuffle?: Shuffle;
  /** Determines the random draws, together with the step. */
  readonly seed: number;
  /** Number of the first step, counted from the start of training. */
  readonly firstStep: number;
  /** One value per step, by the scalar's name. */
  readonly scalars: ReadonlyMap<string, Float32Array>;
  /** Names of the outputs to return; others are not allocated or copied. Default: all. */
  readonly outputs?: readonly string[];
}

/** The result of a run: each requested output, concatenated by row (in the order of positions) or by step. */
export type RunResult = ReadonlyMap<string, Float32Array>;

/** A graph compiled for one backend and bound to its parameters. */
export interface Executable {
  /** Runs all steps of the request without blocking the event loop. */
  run(request: RunRequest): Promise<RunResult>;
  /** The same on the calling thread, for small requests whose work is shorter than a thread switch. */
  runSync(request: RunRequest): RunResult;
}

export interface CompileOptions {
  /** Maximum rows per batch. */
  readonly maxBatch: number;
  readonly threads?: number;
  /** By table name, for every table with translated ids. */
  readonly translations?: ReadonlyMap<string, Translation>;
  /** Parameters do not change after the first run, so derived data (packed weights) can be kept. */
  readonly frozen?: boolean;
  /** How a training run divides batches. Default: chosen from the graph and the largest batch. */
  readonly geometry?: AccumulationGroups;
  /** The ranks that share each step. Default: this process alone. */
  readonly world?: World;
  /** The ranks that share a table, by its name; others are shared by all. The memory of a table has the own rows. */
  readonly placements?: ReadonlyMap<string, Placement>;
  /** Whether ranks compute while they exchange; results are the same. Worth it where exchanges take long. Default false. */
  readonly overlaps?: boolean;
}

/** Those who want to know what has changed, each since its own last time. */
export const CHANGE_CONSUMERS = { checkpoint: 0, publish: 1 } as const;
export type ChangeConsumer = (typeof CHANGE_CONSUMERS)[keyof typeof CHANGE_CONSUMERS];

/**
 * The numbers of a parameter, on the heap, in a mapped file or on a device. They may exceed the size of one array, so
 * they are read and written in ranges; code that processes all of them works in pieces.
 */
export interface Memory {
  readonly elements: number;
  readonly dtype: TableDtype;
  /**
   * Copies elements to `into`, beginning at index `from`, until it is full.
   * @throws ExecutionError outside the memory
   */
  read(from: number, into: Numbers): void;
  /**
   * Copies `values` to the elements beginning at index `from`.
   * @throws ExecutionError outside the memory, or if it is a mapped file
   */
  write(from: number, values: Numbers): void;
  /**
   * Copies elements of the matrix of these rows, each of `width` elements, in this order: those beginning at index `from`,
   * until `into` is full.
   * @throws ExecutionError outside the memory or the rows
   */
  gather(rows: Rows, width: number, from: number, into: Numbers): void;
  /**
   * Writes these rows, each of `width` elements. Those of a tier ascend.
   * @throws ExecutionError outside the memory, or if it is a mapped file
   */
  scatter(rows: Rows, width: number, values: Numbers): void;
  /**
   * Records from now on which rows of `width` elements training steps update. Call it before an executable that updates them is
   * compiled.
   */
  trackChanges(width: number): void;
  /**
   * A byte per row, beginning at row `from`: bit k is set if the row was updated since `clearChanges(k)`.
   * @throws ExecutionError outside the rows, and if changes are not tracked
   */
  readChanges(from: number, into: Uint8Array): void;
  clearChanges(consumer: ChangeConsumer): void;
  /** Copies all elements of another memory of this backend with the same size and dtype. */
  copyFrom(source: Memory): void;
  /**
   * Initializes every element according to `init`; the draws depend on (seed, stream). 16-bit numbers are the fp32
   * values rounded to nearest.
   * @param shard the memory has the rows of a shard: each gets the values that it has in the whole table
   */
  fill(init: Initializer, seed: number, stream: number, shard?: Shard): void;
}

/**
 * Maps ids to table rows, between columns of ids and the operations, which only see rows. For a table without a
 * translation, ids are rows. Training, evaluation and prediction share one object; only training steps, `insert` and
 * `restore` change it.
 */
export interface Translation extends Pick<Admission, "translate"> {
  /** Number of rows of the table; every row returned is below it. */
  readonly rows: number;
  /** Everything that training changes, for checkpoints. It does not depend on the numbers of rows. */
  state(): BigInt64Array;
  /** @throws ExecutionError if the state does not belong to this translation */
  restore(state: BigInt64Array): void;
}

export interface DynamicTranslation extends Translation {
  /**
   * Makes this the memory of the table's weights, or of an optimizer state: a row gets its initial values when a key
   * gets it, named by the key, and row 0 gets its own now. Attach each memory once, before the first step and before
   * saved values are written to it.
   * @throws ExecutionError if the memory has another size than `rows` times the width
   */
  attach(memory: Memory, rows: AttachedRows): void;
  /**
   * Gives a row to each key, as if it had occurred once in step 0, without asking for admission. For values that the
   * caller then writes. The row is -1 where another rank keeps it.
   * @throws ExecutionError if there is no room for them; nothing is changed then
   */
  insert(keys: BigInt64Array): Float64Array;
  /** Takes the rows of those keys that have one. */
  erase(keys: BigInt64Array): void;
  /**
   * The keys with a row, by (key mod 1024, key) as unsigned numbers: the order of checkpoints. The row is -1 where another rank
   * keeps it.
   */
  keys(): KeysWithRows;
  /** Both parts of what a checkpoint has of it, for which keys are put in order once. */
  saved(): SavedTranslation;
  statistics(): TableStatistics;
}

export interface AttachedRows {
  /** Numbers of a row. */
  readonly width: number;
  /** Those that the memory has; default all. */
  readonly columns?: ColumnRange;
  readonly init: RowInitializer;
  readonly seed: number;
  readonly stream: number;
  /** True for weights, false for optimizer state, whose row 0 begins like the others. */
  readonly weights: boolean;
}

export interface SavedTranslation {
  readonly state: BigInt64Array;
  /** As those of `keys`. */
  readonly rows: Float64Array;
}

export interface KeysWithRows {
  readonly keys: BigInt64Array;
  readonly rows: Float64Array;
  /**
   * What eviction goes by: the step of the last use, the number of occurrences for lfu, and for lfuDecay 2^32 times the
   * binary logarithm of the number of occurrences, each of them counted `2^(its step / halfLife)` times.
   */
  readonly scores: Float64Array;
}

/** Counted since the start of training, but for size and capacity. */
export interface TableStatistics {
  /** Keys with a row. */
  readonly size: number;
  readonly capacity: number;
  /** Keys that got a row, and that lost it. */
  readonly admitted: number;
  readonly evicted: number;
  /** Occurrences in training steps: all, those whose key had a row before the step, and those that got none. */
  readonly lookups: number;
  readonly hits: number;
  readonly rejected: number;
}

/** A table, its weights and optimizer states, of which memory has only some rows at a time. */
export interface TierSpec {
  readonly rows: number;
  /** Bytes for everything that the tier allocates. */
  readonly memory: number;
  /** True for a dynamic table. */
  readonly byKey?: boolean;
  /** Set if the rows are those that a rank has of a table of fixed size. */
  readonly shard?: Shard;
  /** The other rows are in a file there, which is gone with the process. */
  readonly directory: string;
  /** Of the weights and of each state: the numbers of a row, and those of them that this tier has, by default all. */
  readonly columns: readonly {
    readonly dtype: TableDtype;
    readonly width: number;
    readonly columns?: ColumnRange;
  }[];
}

export interface Tier {
  /** One for each column, in order. They are read and written like others, all rows of them. */
  readonly memories: readonly Memory[];
  /** Of the table. */
  readonly rows: number;
  /** Programs that bind this translation find the rows in the tier. Call it before they are compiled. */
  put(translation: Translation): void;
  /** The rows that may have other values than the initial ones, ascending: those that training has met, or that were written. */
  touched(): BigUint64Array;
  statistics(): TierStatistics;
}

/** Rows of a table that memory has, one after the other; the others have their initial values. */
export interface StoredRowsSpec {
  /** Of the table. */
  readonly rows: number;
  /** The numbers of the rows that memory has, ascending. */
  readonly stored: BigUint64Array;
  readonly columns: readonly StoredColumn[];
}

export interface StoredColumn {
  /** With the elements of the stored rows, and addresses for those of all rows. */
  readonly memory: Memory;
  /** Numbers of a row. */
  readonly width: number;
  readonly init: RowInitializer;
  readonly seed: number;
  readonly stream: number;
  /** The rows have words, to which the initial values are quantized. */
  readonly quantized?: QuantizedAttrs;
}

/** Counted since the tier was made. */
export interface TierStatistics {
  /** Rows for which memory has room. */
  readonly frames: number;
  /** Rows of steps, each once in a step, and those of them that were in memory when they were looked up. */
  readonly lookups: number;
  readonly hits: number;
  /** Of the others, those that were looked up during the step before theirs. */
  readonly prefetched: number;
  /** Of the file. */
  readonly reads: number;
  readonly writes: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes of a row's weights and states. */
  readonly recordBytes: number;
  /** Bytes that the file takes on the disk. */
  readonly allocated: number;
}

/** The draws of a table's admission. */
export interface Draws {
  readonly seed: number;
  readonly stream: number;
}

export interface Backend {
  readonly name: string;
  /** True if the processor multiplies bfloat16. Otherwise the precision bf16 is no faster than fp32. */
  readonly multipliesBf16: boolean;
  /**
   * Allocates zeroed memory for a parameter, fp32 by default. Executables that get the same memory share it.
   * @param used how many of the elements will be used: the others take no memory. Default: all
   */
  allocate(elements: number, dtype?: TableDtype, used?: number): Memory;
  /**
   * Maps elements of a file, beginning at byte `offset`, as read-only memory; processes that map the same file share
   * its pages. Absent if the backend does not support it. The file must not be truncated while mapped.
   * @param inFile how many of the elements the file has; the others, which nobody reads, take no memory. Default: all
   * @throws ExecutionError if the file is too short, or `offset` is not a multiple of the element size
   */
  map?(path: string, offset: number, elements: number, dtype: TableDtype, inFile?: number): Memory;
  /**
   * Allocates zeroed memory for a table that is larger than memory. Absent if the backend does not support it.
   * @throws ExecutionError if the memory is too small, or the directory cannot be written to
   */
  tier?(spec: TierSpec): Tier;
  /**
   * Programs that bind this translation, and train nothing, find the rows of the table in these memories. Call it before they
   * are compiled. Absent if the backend does not support it.
   */
  putInStoredRows?(translation: Translation, spec: StoredRowsSpec): void;
  /**
   * Creates a translation in its initial state. Executables that get the same one share it.
   * @param draws of admission by probability; by default of seed 0 and stream 0
   * @param slots of a rank that keeps the rows of the keys in these slots of a dynamic table. Every rank has all keys; the
   * memories have the kept rows, the first ones of each. Only for backends that ranks can use
   * @throws ExecutionError if a number of the spec is out of its range
   */
  translation(spec: DynamicSpec, draws?: Draws, slots?: SlotRange): DynamicTranslation;
  translation(spec: TranslationSpec, draws?: Draws, slots?: SlotRange): Translation;
  /** Measures the machine's maximum throughput with this many threads. Absent if the backend does not support it. */
  ceilings?(threads: number): Ceilings;
  /**
   * @param graph a simplified graph
   * @param parameters the memory of every parameter of the graph, by name
   */
  compile(graph: Graph, parameters: ReadonlyMap<string, Memory>, options: CompileOptions): Executable;
}
