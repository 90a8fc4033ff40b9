import type { Backend, ChangeConsumer, Memory, Tier } from "../backends/backend.js";
import type { TensorSource } from "../checkpoint/safetensors-writer.js";
import type { InitialValues } from "../checkpoint/table-layout.js";
import type { Tensors } from "../checkpoint/tensors.js";
import type { TableContent } from "../checkpoint/write.js";
import { ExecutionError, messageOf } from "../errors.js";
import { rowsOfShard } from "../graph/placement.js";
import { streamOf } from "../layers/scope.js";
import type { ParameterAttrs, ParameterRole } from "../ops/sources.js";
import { copyRows } from "./copy-rows.js";
import { type GrownTables, rowPairs } from "./grown-tables.js";
import { tableOf } from "./match-rows.js";
import {
  bytesOf,
  elementsOf,
  fitsStored,
  machineMemory,
  type Parameter,
  readParameter,
  readStoredRows,
  setNumbers,
  storedBesideFilled,
  tensorOf,
} from "./parameter-memory.js";
import { readShard } from "./read-shard.js";
import { changedRows, type RowsOfTables, type SavedRows } from "./saved-rows.js";
import { ownAttrs, ownColumns, type SharedTable, shardOf } from "./shards.js";
import { AVERAGE, ownerOf } from "./step/state.js";
import { allocateTiers, type Stores } from "./tiers.js";

export type { Parameter } from "./parameter-memory.js";

type Part = "model" | "optimizer";

/** Of a table that was read from a checkpoint with all of its rows. */
const NO_INITIAL: InitialValues = { seed: 0, stream: 0, values: { kind: "constant", value: 0 } };

/** The checkpoint part of each kind of parameter; counts are not saved. */
const PARTS: Readonly<Record<ParameterRole, Part | undefined>> = {
  dense: "model",
  table: "model",
  buffer: "model",
  state: "optimizer",
  counts: undefined,
};

const averageOf = (name: string) => `${name}/${AVERAGE}`;
/** Checkpoints store averages under the names of the weights, and the weights under these names. */
const trainedOf = (name: string) => `${name}/trained`;

/** The weights, tables, statistics and optimizer states of a model, by name, in the backend's memory. */
export class Parameters {
  private readonly parameters: ReadonlyMap<string, Parameter>;
  /** The tables of which this rank has rows, and memory only some of them at a time, by the name of their translation. */
  readonly tiers: ReadonlyMap<string, Tier>;
  /** The parameters bound by a training program. */
  readonly memory: ReadonlyMap<string, Memory>;
  /** The parameters bound for evaluation: moving averages replace the weights that have one. */
  readonly averaged: ReadonlyMap<string, Memory>;
  /** The names of the translations of tables with a store, also where this rank has no row of them. */
  readonly inTiers: ReadonlySet<string>;
  /** The initial values of rows in tiers that training has not met. */
  private readonly initial = new Map<string, InitialValues>();

  /**
   * Allocates all parameters, uninitialized.
   * @param stores of tables that memory need not hold as a whole
   * @param rank of tables that ranks share, this one's rows
   * @throws ExecutionError naming the table that is too large
   */
  constructor(backend: Backend, attrs: readonly ParameterAttrs[], stores: Stores = new Map(), rank = 0) {
    const unique = new Map(attrs.map((each) => [each.name, each]));
    const all = [...unique.values()];
    const { tiers, memory: ofTiers } = allocateTiers(backend, all, stores, rank);
    const own = new Map(all.map((each) => [each, ownAttrs(each, rank)]));
    const inMemory = all.filter(({ name }) => !ofTiers.has(name));
    refuseTooMuch(
      inMemory.map((each) => own.get(each)!),
      machineMemory(),
    );
    this.tiers = tiers;
    this.inTiers = new Set(backend.tier ? stores.keys() : []);
    this.parameters = new Map(
      all.map((each) => [
        each.name,
        {
          attrs: each,
          memory: ofTiers.get(each.name) ?? allocate(backend, each, own.get(each)!),
          shard: shardOf(each, rank),
        },
      ]),
    );
    const { parameters } = this;
    this.memory = new Map([...parameters].map(([name, { memory }]) => [name, memory]));
    this.averaged = new Map(
      [...parameters].map(([name, own]) => [name, (parameters.get(averageOf(name)) ?? own).memory]),
    );
  }

  /** Initializes every parameter; its draws depend on the seed and its name. Rows of dynamic tables start with their keys. */
  initialize(seed: number): void {
    for (const { attrs, memory, shard } of this.parameters.values()) {
      if (attrs.byKey) continue;
      const stream = streamOf(attrs.name);
      memory.fill(attrs.init, seed, stream, shard);
      if (attrs.init.kind !== "values") this.initial.set(attrs.name, { seed, stream, values: attrs.init });
    }
    this.startAverages();
  }

  /** Sets the initial values of one parameter. */
  start(name: string, values: readonly number[]): void {
    setNumbers(this.parameters.get(name)!.memory, Float32Array.from(values));
    this.startAverages();
  }

  /** Averages start equal to the weights. */
  startAverages(): void {
    for (const [name, { memory }] of this.parameters)
      this.parameters.get(averageOf(name))?.memory.copyFrom(memory);
  }

  get all(): readonly Parameter[] {
    return [...this.parameters.values()];
  }

  /** The model's own parameters: weights, tables and statistics. */
  get model(): readonly Parameter[] {
    return this.of("model");
  }

  /**
   * The tensors of a checkpoint: the model's own parameters (averages instead of weights, if there are any), or the
   * optimizer's.
   * @param rows the rows of tables that the checkpoint gets, where these are not all
   */
  sources(part: Part, rows: RowsOfTables = new Map()): Map<string, TensorSource> {
    const rowsOf = new Map(
      this.tables(rows).flatMap(({ name, states }) =>
        [name, ...states].map((each) => [each, rows.get(name)?.rows] as const),
      ),
    );
    const whole = this.stored(part).filter(([, { shard }]) => !shard);
    return new Map(whole.map(([name, parameter]) => [name, tensorOf(parameter, rowsOf.get(name))]));
  }

  /** The tables that ranks share, of which this rank has some rows. */
  get shared(): SharedTable[] {
    const states = byOwner(this.of("optimizer"), ({ attrs }) => attrs.name);
    const shared = this.ofTables.filter(({ shard }) => shard);
    return shared.map((table) => ({ table, states: states.get(table.attrs.name) ?? [] }));
  }

  /** The model's tables whose rows, or keys, this process has as a whole, each with its optimizer states. */
  tables(rows: RowsOfTables = new Map()): TableContent[] {
    const names = this.stored("optimizer").map(([name]) => name);
    const states = byOwner(names, (name) => name);
    const whole = this.ofTables.filter(({ shard, attrs }) => !shard || attrs.byKey);
    return whole.map(({ attrs: { name } }) => ({
      name,
      states: [...(states.get(name) ?? []), ...(rows.get(name)?.states ?? [])],
      ...rows.get(name)?.content,
    }));
  }

  /** Records from now on which rows of tables training updates. Call it before programs are compiled. */
  trackChanges(): void {
    for (const table of this.ofTables) {
      const [begin, end] = ownColumns(table);
      table.memory.trackChanges(end - begin);
    }
  }

  /** The rows of each table of fixed size that were updated since `clearChanges`. */
  changedRows(consumer: ChangeConsumer): RowsOfTables {
    const fixed = this.ofTables.filter(({ attrs }) => !attrs.byKey);
    return new Map(
      fixed.map(({ attrs, memory, shard }) => {
        const rows = shard ? rowsOfShard(shard) : attrs.shape[0];
        return [attrs.name, changedRows(memory, rows, consumer)];
      }),
    );
  }

  /** The rows of tables of fixed size in tiers that training has met. */
  touchedRows(): RowsOfTables {
    return new Map([...this.inTiers].flatMap((translation) => this.touchedIn(translation)));
  }

  private touchedIn(translation: string): [string, SavedRows][] {
    const fixed = this.ofTables.filter(({ attrs }) => attrs.translation === translation && !attrs.byKey);
    if (fixed.length === 0) return [];
    const keys = this.tiers.get(translation)?.touched() ?? new BigUint64Array(0);
    const names = this.stored("optimizer").map(([name]) => name);
    const states = byOwner(names, (name) => name);
    return fixed.map(({ attrs: { name, shape } }) => {
      const all = [name, ...(states.get(name) ?? [])];
      const initial = new Map(all.map((each) => [each, this.initial.get(each) ?? NO_INITIAL]));
      return [name, { rows: keys, content: { rows: shape[0], keys, initial } }];
    });
  }

  clearChanges(consumer: ChangeConsumer): void {
    for (const { memory } of this.ofTables) memory.clearChanges(consumer);
  }

  private get ofTables(): Parameter[] {
    return this.model.filter(({ attrs }) => attrs.role === "table");
  }

  /**
   * Reads all parameters of the model and the optimizer from the files of a checkpoint.
   * @param grown tables that have more rows here than in the checkpoint: their new rows keep their initial values, or start
   * with the weights of the row for unknown values
   * @throws CheckpointError
   */
  async load(files: Readonly<Record<Part, Tensors>>, grown: GrownTables = new Map()): Promise<void> {
    this.startSparse(files.model, "model");
    this.startSparse(files.optimizer, "optimizer");
    await this.read(files.model, "model", grown);
    await this.read(files.optimizer, "optimizer", grown);
  }

  /** The same of the model alone, for scoring. */
  async loadModel(file: Tensors): Promise<void> {
    this.startSparse(file, "model");
    await this.read(file, "model", new Map());
  }

  /** Number of elements per part, for reports. */
  count(part: Part): number {
    return this.of(part).reduce((sum, { attrs }) => sum + elementsOf(attrs), 0);
  }

  private async read(file: Tensors, part: Part, grown: GrownTables): Promise<void> {
    const tables = new Set(this.ofTables.map(({ attrs }) => attrs.name));
    for (const [name, parameter] of this.stored(part)) {
      const base = part === "model" ? name : ownerOf(name);
      const table = tables.has(base) ? grown.get(tableOf(base) ?? "") : undefined;
      if (table) await copyRows(rowPairs(table, part === "model"), parameter, file, name);
      else await this.readOne(file, name, parameter);
    }
  }

  private async readOne(file: Tensors, name: string, parameter: Parameter): Promise<void> {
    if (parameter.shard) return readShard(file, name, parameter, parameter.shard);
    const stored = storedBesideFilled(file, name);
    if (!stored || !fitsStored(parameter.attrs, file.tensors, name))
      return readParameter(file, name, parameter);
    await readStoredRows(stored, name, parameter);
  }

  /** Sets the initial values of sparse tables, before any of their rows is there. */
  private startSparse(file: Tensors, part: Part): void {
    for (const [name, { memory, shard }] of this.stored(part)) {
      const initial = storedBesideFilled(file, name)?.initial;
      if (!initial) continue;
      memory.fill(initial.values, initial.seed, initial.stream, shard);
      this.initial.set(name, initial);
    }
  }

  /** The names in a checkpoint and their parameters. */
  private stored(part: Part): [string, Parameter][] {
    const model = this.of("model").map((own) => {
      return { name: own.attrs.name, own, average: this.parameters.get(averageOf(own.attrs.name)) };
    });
    if (part === "model") return model.map(({ name, own, average }) => [name, average ?? own]);
    const averages = new Set(model.map(({ average }) => average));
    const states = this.of("optimizer").filter((state) => !averages.has(state));
    const trained = model.filter(({ average }) => average);
    return [
      ...states.map((state): [string, Parameter] => [state.attrs.name, state]),
      ...trained.map(({ name, own }): [string, Parameter] => [trainedOf(name), own]),
    ];
  }

  private of(part: Part): Parameter[] {
    return [...this.parameters.values()].filter(({ attrs }) => PARTS[attrs.role] === part);
  }
}

/** States of the optimizer by the parameter that they belong to: a state is named `<parameter>/<state>`. */
export function byOwner<T>(states: readonly T[], nameOf: (state: T) => string): Map<string, T[]> {
  const owners = new Map<string, T[]>();
  for (const state of states) {
    const owner = ownerOf(nameOf(state));
    owners.set(owner, [...(owners.get(owner) ?? []), state]);
  }
  return owners;
}

/**
 * Compares with the memory first: an allocation larger than that often succeeds, and the process is killed when it writes.
 * @param memory bytes
 */
export function refuseTooMuch(all: readonly ParameterAttrs[], memory: number): void {
  const total = all.reduce((sum, each) => sum + bytesOf(each), 0);
  if (total <= memory) return;
  const largest = all.reduce((a, b) => (bytesOf(b) > bytesOf(a) ? b : a));
  throw outOfMemory(largest, `${gigabytes(total)} for all parameters, of ${gigabytes(memory)} of memory`);
}

/** The rows of keys that a rank keeps may be more than its share, so it has addresses for all. */
function allocate(backend: Backend, all: ParameterAttrs, own: ParameterAttrs): Memory {
  const attrs = all.byKey ? { ...own, shape: [all.shape[0], ...own.shape.slice(1)] } : own;
  try {
    return backend.allocate(elementsOf(attrs), attrs.dtype, elementsOf(own));
  } catch (cause) {
    throw outOfMemory(attrs, messageOf(cause), { cause });
  }
}

function outOfMemory(attrs: ParameterAttrs, got: string, options?: ErrorOptions): ExecutionError {
  const { name, shape, dtype = "fp32", byKey } = attrs;
  const rows = byKey ? "dynamic.capacity" : "hash, buckets or vocabulary.maxSize";
  const report = {
    what: `there is no memory for ${name}, ${shape.join(" x ")} ${NUMBERS[dtype]} (${gigabytes(bytesOf(attrs))})`,
    where: name,
    got,
    next: `Lower the feature's ${rows}, the dim of its embedding, or its dtype, or give it a store.`,
  };
  return new ExecutionError(report, options);
}

const NUMBERS = { fp32: "float32 numbers", fp16: "float16 numbers", bf16: "bfloat16 numbers" } as const;

const gigabytes = (bytes: number) => `${Number((bytes / 1e9).toPrecision(3))} GB`;
