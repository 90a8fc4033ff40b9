import { createRequire } from "node:module";
import { type ErrorReport, ExecutionError, messageOf, PairloomError } from "../errors.js";
import type { Shard } from "../graph/placement.js";
import type { Space } from "../graph/space.js";
import type { TableDtype } from "../graph/tensor.js";
import type { Numbers } from "../half.js";
import { type ColumnCalls, type RawColumnCalls, wrapColumnCalls } from "./column-calls.js";
import { corePaths, missingCore } from "./find-core.js";
import { type WorldCalls, type WorldHandle, wrapWorldCalls } from "./world-calls.js";

/**
 * Typed wrapper of the native core (native/binding). The caller must load it first; everything else is a thin layer
 * over the addon's flat calls. Every error is an ExecutionError.
 */

/** A compiled program bound to its parameters' memory. Opaque except for what callers need to bind data by name. */
export interface Executable {
  /** In the order given to `compile`. */
  readonly parameters: readonly string[];
  /** A request has one value of each per step. */
  readonly scalars: readonly string[];
  readonly inputs: readonly {
    readonly name: string;
    readonly kind: "number" | "id" | "ids";
    readonly width: number;
    /** True if samples are masked: requests have a column of one row more, the value of these. */
    readonly masked: boolean;
  }[];
  readonly outputs: readonly {
    readonly name: string;
    readonly per: "row" | "step";
    readonly width: number;
  }[];
  /** In the order of `profile`. */
  readonly instructions: readonly Instruction[];
  readonly maxBatch: number;
  readonly tileRows: number;
  /** Maximum accumulation groups of a batch of `maxBatch` rows. */
  readonly groups: number;
  readonly handle: unknown;
}

/** An instruction of the program; see docs/design/program-format.md. */
export interface Instruction {
  readonly name: string;
  readonly operands: readonly InstructionOperand[];
  readonly attributes: readonly number[];
}

export interface InstructionOperand {
  readonly space: Space;
  readonly dtype: "fp32" | "id" | "ids" | "fp16" | "bf16" | "id64" | "ids64";
  /** Parameters and scalars. */
  readonly name: string;
  /** Without the rows of row spaces. */
  readonly dims: readonly number[];
}

/** Maximum throughput of the machine, per second, over all threads. */
export interface Ceilings {
  /** fp32 operations; a multiply-add counts as two. */
  readonly flops: number;
  /** The same for bfloat16 products summed in fp32; equals `flops` if the processor has none. */
  readonly bf16Flops: number;
  /** Bytes read sequentially from memory. */
  readonly memoryBytes: number;
  /** Bytes read from data that fits in the second-level caches. */
  readonly cacheBytes: number;
}

/** Bytes of rows of a large table per second, in random order, over all threads. */
export interface RowRates {
  readonly readBytes: number;
  readonly updateBytes: number;
}

/** Memory of a parameter in the core. Opaque; freed with the last handle and executable that refers to it. */
export interface ParameterHandle {
  readonly parameter: unique symbol;
}

/** Numbers of table rows. */
export type Rows = Uint32Array | BigUint64Array;

/** A translation from ids to rows in the core. Opaque; freed in the same way. */
export interface TranslationHandle {
  readonly translation: unique symbol;
}

/** A table in the core that memory does not hold as a whole. Opaque; freed in the same way. */
export interface TierHandle {
  readonly tier: unique symbol;
}

/** `fp32` and `id`: row r starts at `data[offset + r*stride]`. Bags: row r is `values[offsets[r] … offsets[r+1])`, with `weights`. */
export type NativeColumn =
  | {
      readonly data: Float32Array | Int32Array | BigInt64Array;
      readonly offset: number;
      readonly stride: number;
    }
  | {
      readonly values: Int32Array | BigInt64Array;
      readonly offsets: BigUint64Array;
      readonly weights?: Float32Array;
    };

export interface RunRequest {
  /** In the order of the executable's inputs; then, in the same order, those for the masked samples of some. */
  readonly columns: readonly NativeColumn[];
  /** Number of rows in every column. */
  readonly rows: number;
  /** Positions `[start, start+count)` of the epoch, in steps of `batch` (the last may be smaller). */
  readonly start: number;
  readonly count: number;
  readonly batch: number;
  /** Absent: position p is row p. */
  readonly shuffle?: { readonly seed: number; readonly epoch: number };
  /** Determines the random draws of the steps, together with `firstStep`, the number of the first step. */
  readonly seed: number;
  readonly firstStep: number;
  /** `steps x scalars`. */
  readonly scalars: Float32Array;
  /** In the order of the executable's outputs, each with `count` or `steps` entries; null: not requested. */
  readonly outputs: readonly (Float32Array | null)[];
  /** True if anything other than this executable wrote to the parameters since its last run. */
  readonly parametersChanged: boolean;
}

/** See native/cpu/tables/fill.h for the formulas. constant: a; uniform: from a to b; normal: mean a, deviation b. */
export interface FillSpec {
  readonly kind: "constant" | "uniform" | "normal";
  readonly a: number;
  readonly b: number;
  readonly seed: number;
  readonly stream: number;
}

export interface Addon extends ColumnCalls, WorldCalls {
  /** Instruction sets that this machine supports, fastest first. */
  isas(): string[];
  /** The instruction set in use. */
  isa(): string;
  /** Selects another one for programs compiled from now on. */
  selectIsa(name: string): void;
  /**
   * Maps a file, read on access. Writing to the bytes does not change the file. It must not be truncated. Do not transfer the
   * buffer: native threads may still read it. It is not marked as untransferable, because Node.js 24 aborts at the exit of a
   * process that has a marked buffer of an addon.
   */
  mapFile(path: string): ArrayBuffer;
  /** Zeroed memory, 64-byte aligned, with huge pages if it is large. `used`: how many elements will be used. */
  allocateParameter(elements: number, dtype: TableDtype, used: number): ParameterHandle;
  /**
   * The first `inFile` elements are those of a file, beginning at byte `offset`; the others take no memory. Writes are
   * refused. The file must not be truncated.
   */
  mapParameter(
    elements: number,
    dtype: TableDtype,
    path: string,
    offset: number,
    inFile: number,
  ): ParameterHandle;
  /** Copies elements beginning at index `from`, until the array is full. */
  readParameter(parameter: ParameterHandle, from: number, into: Numbers): void;
  writeParameter(parameter: ParameterHandle, from: number, values: Numbers): void;
  /** See `Memory` (src/backends/backend.ts) for these five. */
  gatherParameter(parameter: ParameterHandle, rows: Rows, width: number, from: number, into: Numbers): void;
  scatterParameter(parameter: ParameterHandle, rows: Rows, width: number, values: Numbers): void;
  trackChanges(parameter: ParameterHandle, width: number): void;
  readChanges(parameter: ParameterHandle, from: number, into: Uint8Array): void;
  clearChanges(parameter: ParameterHandle, consumer: number): void;
  /** Copies all elements; sizes and dtypes must be equal. */
  copyParameter(to: ParameterHandle, from: ParameterHandle): void;
  /**
   * Fills with initial values on all cores, with the same bits on any machine.
   * @param shard the parameter has the rows of a shard, with the values that they have in the whole table
   */
  fillParameter(parameter: ParameterHandle, spec: FillSpec, shard?: Shard): void;
  /** See native/runtime/translations.h. */
  makePermutation(rows: BigInt64Array): TranslationHandle;
  makeFirstCome(rows: number): TranslationHandle;
  makeQuotient(by: number, rows: number): TranslationHandle;
  makeRemainder(by: number, rows: number): TranslationHandle;
  /** Tables that memory does not hold as a whole; settings: src/backends/native/tier.ts. */
  makeTier(directory: string, settings: Float64Array, shard?: Shard): TierHandle;
  tierParameter(tier: TierHandle, column: number): ParameterHandle;
  putInTier(tier: TierHandle, translation: TranslationHandle): void;
  tierStatistics(tier: TierHandle): Float64Array;
  touchedRows(tier: TierHandle): BigUint64Array;
  /** Tables of which memory has some rows; settings: src/backends/native/stored-rows.ts. */
  putInStoredRows(
    translation: TranslationHandle,
    stored: BigUint64Array,
    parameters: readonly ParameterHandle[],
    settings: Float64Array,
  ): void;
  /** Settings of dynamic tables: src/backends/native/dynamic-table.ts. */
  makeDynamic(settings: Float64Array): TranslationHandle;
  attachMemory(table: TranslationHandle, parameter: ParameterHandle, settings: Float64Array): void;
  insertKeys(table: TranslationHandle, keys: BigInt64Array): Float64Array;
  eraseKeys(table: TranslationHandle, keys: BigInt64Array): void;
  listKeys(table: TranslationHandle): [keys: BigInt64Array, rows: Float64Array, scores: Float64Array];
  saveKeys(table: TranslationHandle): [state: BigInt64Array, rows: Float64Array];
  tableStatistics(table: TranslationHandle): Float64Array;
  translateIds(translation: TranslationHandle, ids: BigInt64Array): Float64Array;
  translationState(translation: TranslationHandle): BigInt64Array;
  restoreTranslation(translation: TranslationHandle, state: BigInt64Array): void;
  /**
   * Verifies a program and binds it to parameters (in the order of its parameter buffers) and to translations (in
   * program order). Both are used in place.
   */
  compile(
    program: Uint8Array,
    parameters: readonly ParameterHandle[],
    threads: number,
    translations?: readonly TranslationHandle[],
    world?: WorldHandle,
  ): Executable;
  /**
   * Runs `ceil(count / batch)` steps on native threads and resolves with the number of steps done (fewer if cancelled).
   * Columns and outputs must not be changed until then. Rejects on an invalid id; parameters are then as after the
   * previous step.
   */
  run(executable: Executable, request: RunRequest): Promise<number>;
  /** The same on the calling thread: for small requests. */
  runSync(executable: Executable, request: RunRequest): number;
  /** Stops the current run after its current step. */
  cancel(executable: Executable): void;
  enableProfile(executable: Executable, on: boolean): void;
  /**
   * Nanoseconds over all threads for each instruction, then for combining partial results, then for packing weights.
   */
  profile(executable: Executable): Float64Array;
  /** Measures how fast rows of `dim` numbers are read and updated in random order; takes about a second. */
  rowRates(dim: number, threads: number): RowRates;
  /** Measures the ceilings; takes about a quarter of a second. */
  ceilings(threads: number): Ceilings;
}

/** The loaded addon and its file, or the reason why it is not available. */
export type AddonResult =
  | { readonly addon: Addon; readonly path: string }
  | { readonly addon: undefined; readonly reason: string };

let loaded: AddonResult | undefined;

/**
 * Loads the native core once.
 * @throws ExecutionError if the installed core is of another version than this package
 */
export function loadAddon(): AddonResult {
  loaded ??= load();
  return loaded;
}

function load(): AddonResult {
  const faults: string[] = [];
  for (const path of corePaths()) {
    try {
      return { addon: wrap(createRequire(import.meta.url)(path) as RawAddon), path };
    } catch (error) {
      faults.push(`${path} does not load: ${messageOf(error)}`);
    }
  }
  return { addon: undefined, reason: faults.length > 0 ? faults.join("; ") : missingCore() };
}

/** Functions that the addon has with the same arguments. */
const DIRECT = [
  "isas",
  "isa",
  "selectIsa",
  "allocateParameter",
  "mapParameter",
  "readParameter",
  "writeParameter",
  "gatherParameter",
  "scatterParameter",
  "trackChanges",
  "readChanges",
  "clearChanges",
  "copyParameter",
  "makePermutation",
  "makeFirstCome",
  "makeQuotient",
  "makeRemainder",
  "tierParameter",
  "putInTier",
  "tierStatistics",
  "touchedRows",
  "putInStoredRows",
  "makeDynamic",
  "attachMemory",
  "insertKeys",
  "eraseKeys",
  "listKeys",
  "saveKeys",
  "tableStatistics",
  "translateIds",
  "translationState",
  "restoreTranslation",
  "ceilings",
  "rowRates",
] as const;
type DirectCalls = Pick<Addon, (typeof DIRECT)[number]>;

/** The addon's own functions, the others with flat arguments, see native/binding/request.h. */
interface RawAddon extends RawColumnCalls, WorldCalls, DirectCalls {
  fillParameter(
    parameter: ParameterHandle,
    kind: string,
    a: number,
    b: number,
    seed: number,
    stream: number,
    shard: Float64Array | undefined,
    width: number | undefined,
  ): void;
  makeTier(directory: string, settings: Float64Array, shard: Float64Array | undefined): TierHandle;
  mapFile(path: string): ArrayBuffer;
  compile(
    program: Uint8Array,
    parameters: readonly ParameterHandle[],
    threads: number,
    translations: readonly TranslationHandle[],
    world: WorldHandle | undefined,
  ): Executable;
  run(handle: unknown, ...request: FlatRequest): Promise<number>;
  runSync(handle: unknown, ...request: FlatRequest): number;
  cancel(handle: unknown): void;
  enableProfile(handle: unknown, on: boolean): void;
  profile(handle: unknown): Float64Array;
}

type ColumnArray = Float32Array | Int32Array | BigInt64Array | BigUint64Array;
/** native/binding/request.cc identifies a column kind by its index in this list. */
const COLUMN_KINDS = ["number", "id", "ids", "weightedIds", "id64", "ids64", "weightedIds64"];
type FlatRequest = [
  arrays: ColumnArray[],
  layout: Float64Array,
  settings: Float64Array,
  scalars: Float32Array,
  outputs: readonly (Float32Array | null)[],
];

/** Runs in progress. A process that exits must not wait for their last steps. */
const running = new Set<() => void>();
let stopsAtExit = false;

function wrap(raw: RawAddon): Addon {
  return {
    ...wrapColumnCalls(raw, explained),
    ...wrapWorldCalls(raw, explained, explain),
    ...wrapDirectCalls(raw),
    fillParameter: (parameter, { kind, a, b, seed, stream }, shard) =>
      explained(() =>
        raw.fillParameter(parameter, kind, a, b, seed, stream, shard && shardNumbers(shard), shard?.width),
      ),
    makeTier: (directory, settings, shard) =>
      explained(() => raw.makeTier(directory, settings, shard && shardNumbers(shard))),
    mapFile: (path) => explained(() => raw.mapFile(path)),
    compile: (program, parameters, threads, translations = [], world) =>
      explained(() => raw.compile(program, parameters, threads, translations, world)),
    async run({ handle }, request) {
      const stop = (): void => raw.cancel(handle);
      stopAtExit();
      const steps = explained(() => raw.run(handle, ...flatten(request)));
      running.add(stop);
      try {
        return await steps;
      } catch (error) {
        throw explain(error);
      } finally {
        running.delete(stop);
      }
    },
    runSync: ({ handle }, request) => explained(() => raw.runSync(handle, ...flatten(request))),
    cancel: ({ handle }) => explained(() => raw.cancel(handle)),
    enableProfile: ({ handle }, on) => explained(() => raw.enableProfile(handle, on)),
    profile: ({ handle }) => explained(() => raw.profile(handle)),
  };
}

function wrapDirectCalls(raw: DirectCalls): DirectCalls {
  const calls = raw as unknown as Record<string, (...args: unknown[]) => unknown>;
  const wrapped = DIRECT.map((name) => [name, (...args: unknown[]) => explained(() => calls[name](...args))]);
  return Object.fromEntries(wrapped) as DirectCalls;
}

function stopAtExit(): void {
  if (stopsAtExit) return;
  stopsAtExit = true;
  process.once("exit", () => {
    for (const stop of running) stop();
  });
}

/** Neighbouring columns often share an array; it is passed once. */
function flatten(request: RunRequest): FlatRequest {
  const { columns, shuffle } = request;
  const arrays: ColumnArray[] = [];
  const layout = new Float64Array(4 * columns.length);
  const place = (array: ColumnArray): number => {
    if (arrays[arrays.length - 1] !== array) arrays.push(array);
    return arrays.length - 1;
  };
  for (let i = 0, at = 0; i < columns.length; i++, at += 4) {
    const column = columns[i];
    layout[at] = COLUMN_KINDS.indexOf(kindOf(column));
    if ("values" in column) {
      layout[at + 1] = place(column.values);
      layout[at + 2] = place(column.offsets);
      if (column.weights) layout[at + 3] = place(column.weights);
    } else {
      layout[at + 1] = place(column.data);
      layout[at + 2] = column.offset;
      layout[at + 3] = column.stride;
    }
  }
  const settings = Float64Array.of(
    request.rows,
    request.start,
    request.count,
    request.batch,
    shuffle ? 1 : 0,
    shuffle?.seed ?? 0,
    shuffle?.epoch ?? 0,
    request.seed,
    request.firstStep,
    request.parametersChanged ? 1 : 0,
  );
  return [arrays, layout, settings, request.scalars, request.outputs];
}

function kindOf(column: NativeColumn): string {
  if (!("values" in column)) {
    if (column.data instanceof Float32Array) return "number";
    return column.data instanceof BigInt64Array ? "id64" : "id";
  }
  const kind = column.weights ? "weightedIds" : "ids";
  return column.values instanceof BigInt64Array ? `${kind}64` : kind;
}

function explained<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw explain(error);
  }
}

/** The addon's errors carry the parts of a report. */
function explain(error: unknown): unknown {
  if (error instanceof PairloomError || !(error instanceof Error) || !("report" in error)) return error;
  return new ExecutionError(error.report as ErrorReport, { cause: error });
}

const shardNumbers = ({ rows, placement, rank }: Shard) => {
  const { firstRank, owners, turn = 0, columns = 1, starts = [] } = placement;
  return Float64Array.of(rows, firstRank, owners, turn, columns, rank, ...starts);
};
