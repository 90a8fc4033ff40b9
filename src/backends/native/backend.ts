import { availableParallelism } from "node:os";
import type { Column } from "../../columns/columns.js";
import { ExecutionError } from "../../errors.js";
import type { Graph } from "../../graph/graph.js";
import type { SlotRange } from "../../graph/placement.js";
import type { TableDtype } from "../../graph/tensor.js";
import type { DynamicSpec, TranslationSpec } from "../../graph/translation.js";
import type * as native from "../../native/addon.js";
import { compileProgram } from "../../passes/compile.js";
import { shardingOf } from "../../passes/shard.js";
import type {
  Backend,
  CompileOptions,
  Draws,
  DynamicTranslation,
  Executable,
  Memory,
  RunRequest,
  RunResult,
  StoredRowsSpec,
  TierSpec,
  Translation,
} from "../backend.js";
import { wantedOutputs } from "../outputs.js";
import { NativeDynamicTable } from "./dynamic-table.js";
import { NativeMemory } from "./memory.js";
import { putInStoredRows } from "./stored-rows.js";
import { NativeTier } from "./tier.js";
import { fixedTranslation, type NativeTranslation } from "./translation.js";

/**
 * Runs graphs on the native core.
 * @param threads of programs that do not say how many they want
 */
export function nativeBackend(addon: native.Addon, threads = availableParallelism()): NativeBackend {
  return new NativeBackend(addon, threads);
}

class NativeBackend implements Backend {
  constructor(
    private readonly addon: native.Addon,
    private readonly threads: number,
  ) {}

  ceilings(threads: number): native.Ceilings {
    return this.addon.ceilings(threads);
  }

  get name(): string {
    return `native (${this.addon.isa()})`;
  }

  get multipliesBf16(): boolean {
    return this.addon.isa() === "avx512bf16";
  }

  allocate(elements: number, dtype: TableDtype = "fp32", used = elements): NativeMemory {
    return new NativeMemory(this.addon, this.addon.allocateParameter(elements, dtype, used), elements, dtype);
  }

  map(path: string, offset: number, elements: number, dtype: TableDtype, inFile = elements): NativeMemory {
    const handle = this.addon.mapParameter(elements, dtype, path, offset, inFile);
    return new NativeMemory(this.addon, handle, elements, dtype);
  }

  tier(spec: TierSpec): NativeTier {
    return new NativeTier(this.addon, spec);
  }

  putInStoredRows(translation: Translation, spec: StoredRowsSpec): void {
    putInStoredRows(this.addon, translation, spec);
  }

  translation(spec: DynamicSpec, draws?: Draws, slots?: SlotRange): DynamicTranslation;
  translation(spec: TranslationSpec, draws?: Draws, slots?: SlotRange): Translation;
  translation(spec: TranslationSpec, draws = { seed: 0, stream: 0 }, slots?: SlotRange): Translation {
    return spec.kind === "dynamic"
      ? new NativeDynamicTable(this.addon, spec, draws, slots)
      : fixedTranslation(this.addon, spec);
  }

  compile(graph: Graph, parameters: ReadonlyMap<string, Memory>, options: CompileOptions): NativeExecutable {
    const { geometry, world, placements, overlaps } = options;
    const ranks = world?.size ?? 1;
    const program = compileProgram(graph, options.maxBatch, {
      geometry,
      sharding: shardingOf(ranks, placements),
      overlaps,
    });
    const bound = program.parameters.map((name) => (parameters.get(name) as NativeMemory).handle);
    const translations = program.translations.map((name) => {
      const translation = options.translations?.get(name);
      if (!translation) throw missing("translation", name);
      return (translation as NativeTranslation).handle;
    });
    const threads = options.threads ?? this.threads;
    return new NativeExecutable(
      this.addon,
      this.addon.compile(program.bytes, bound, threads, translations, world?.handle),
      options.frozen ?? false,
    );
  }
}

export interface NativeProfile {
  /** In program order; nanoseconds summed over all threads. */
  readonly instructions: readonly {
    readonly instruction: native.Instruction;
    readonly nanoseconds: number;
  }[];
  /** Nanoseconds, summed over all threads, for adding partial results before the `combine` instructions. */
  readonly folding: number;
  /** Nanoseconds of wall time for packing weights. */
  readonly packing: number;
  readonly tileRows: number;
  readonly groups: number;
}

/** Converts requests by name to the addon's requests by position. */
export class NativeExecutable implements Executable {
  private ran = false;

  constructor(
    private readonly addon: native.Addon,
    private readonly executable: native.Executable,
    private readonly frozen: boolean,
  ) {}

  async run(request: RunRequest): Promise<RunResult> {
    const { outputs, result } = this.results(request);
    await this.addon.run(this.executable, this.bind(request, outputs));
    return result;
  }

  runSync(request: RunRequest): RunResult {
    const { outputs, result } = this.results(request);
    this.addon.runSync(this.executable, this.bind(request, outputs));
    return result;
  }

  /** Starts timing every instruction. */
  startProfile(): void {
    this.addon.enableProfile(this.executable, true);
  }

  /** The times since `startProfile`. */
  profile(): NativeProfile {
    const { instructions, tileRows, groups } = this.executable;
    const times = this.addon.profile(this.executable);
    return {
      instructions: instructions.map((instruction, i) => ({ instruction, nanoseconds: times[i] })),
      folding: times[instructions.length],
      packing: times[instructions.length + 1],
      tileRows,
      groups,
    };
  }

  private results({ count, batch, outputs: wanted }: RunRequest) {
    const steps = Math.ceil(count / batch);
    const { outputs } = this.executable;
    const names = wantedOutputs(
      outputs.map(({ name }) => name),
      wanted,
    );
    const result = new Map(
      outputs
        .filter(({ name }) => names.has(name))
        .map(({ name, per, width }) => [name, new Float32Array((per === "row" ? count : steps) * width)]),
    );
    return { outputs: outputs.map(({ name }) => result.get(name) ?? null), result };
  }

  private bind(request: RunRequest, outputs: (Float32Array | null)[]): native.RunRequest {
    const parametersChanged = !(this.frozen && this.ran);
    this.ran = true;
    const { inputs } = this.executable;
    const masked = inputs.filter((input) => input.masked);
    return {
      columns: [
        ...inputs.map(({ name }) => nativeColumn(name, request.columns.get(name))),
        ...masked.map(({ name }) => nativeColumn(name, request.masked?.get(name))),
      ],
      rows: request.rows,
      start: request.start,
      count: request.count,
      batch: request.batch,
      shuffle: request.shuffle,
      seed: request.seed,
      firstStep: request.firstStep,
      scalars: this.scalarTable(request),
      outputs,
      parametersChanged,
    };
  }

  /** Steps x scalars, from one series per scalar. */
  private scalarTable({ scalars, count, batch }: RunRequest): Float32Array {
    const names = this.executable.scalars;
    const table = new Float32Array(Math.ceil(count / batch) * names.length);
    names.forEach((name, column) => {
      const series = scalars.get(name);
      if (!series) throw missing("scalar", name);
      for (let step = 0; step * names.length < table.length; step++)
        table[step * names.length + column] = series[step];
    });
    return table;
  }
}

function nativeColumn(name: string, column: Column | undefined): native.NativeColumn {
  if (!column) throw missing("column", name);
  return column;
}

function missing(what: string, name: string): ExecutionError {
  return new ExecutionError({
    what: `there is no ${what} for an input of the graph`,
    where: name,
    got: "nothing",
  });
}
