import type { Backend, Executable, Memory } from "../backends/backend.js";
import type { BagColumn, Column, ColumnSet } from "../columns/columns.js";
import { createEncoder, type Encoder, type RawRow } from "../features/encoder.js";
import type { FittedFeature, FittedFeatures } from "../features/fitted.js";
import type { WeightPart } from "../passes/divide-linear.js";
import { splitOnce } from "../passes/split-once.js";
import type { TrainedModel } from "../saved/model.js";
import { inputNames } from "../train/step/model-graphs.js";
import { oneRow, type PlacedCells, withShared } from "./cells.js";
import { encodeOrRefuse } from "./encode.js";
import { EntriesTable } from "./entries-table.js";
import { logitsOf, outputsOfRow } from "./run-model.js";

/**
 * Scores items that share some columns. Features that read shared columns only are transformed and looked up once, and what the
 * model computes from them alone is computed once. The scores differ from those of full rows by rounding only.
 */
export class OncePlan {
  private readonly once: FeatureSubset;
  private readonly each: FeatureSubset;
  private parts: OnceParts;

  /** @param shared the columns that have one value for all items */
  constructor(
    private readonly model: TrainedModel,
    shared: ReadonlySet<string>,
  ) {
    const { features } = model;
    const isOnce = (feature: FittedFeature) =>
      columnsRead(feature, features).every((name) => shared.has(name));
    this.once = new FeatureSubset(features, isOnce);
    this.each = new FeatureSubset(features, (feature) => !isOnce(feature));
    this.parts = new OnceParts(model, this.once.names, FEWEST_ENTRIES);
  }

  /**
   * Logits [rows, outputs] of the items.
   * @throws DataError naming a value that a feature refuses
   */
  logits(shared: RawRow, items: PlacedCells, outputs: number): Float32Array {
    const once = this.once.encode(oneRow(shared, "user, context"));
    const each = this.each.encode(withShared(items, shared));
    const entries = Math.max(0, ...[...once.columns.values()].map(entriesIn));
    if (entries > this.parts.room) this.parts = new OnceParts(this.model, this.once.names, 2 * entries);
    return this.parts.logits(once, each, outputs);
  }
}

/** Room for entries that a plan begins with. */
const FEWEST_ENTRIES = 256;

/** The two parts of a model: for the shared columns, and for each item. */
class OnceParts {
  private readonly computeOnce: Executable;
  private readonly computeEach: Executable;
  /** Parameters of the second part that hold outputs of the first. */
  private readonly sums: ReadonlyMap<string, Memory>;
  private readonly entries: readonly EntriesTable[];
  /** The shared inputs that the second part reads. */
  private readonly repeated: readonly string[];

  /**
   * @param shared the inputs that have one value for all items
   * @param room entries that a sequence of them may have
   */
  constructor(
    { graph, compile, parameters, backend }: TrainedModel,
    shared: ReadonlySet<string>,
    readonly room: number,
  ) {
    const split = splitOnce(graph, (name) => shared.has(name), room);
    this.sums = new Map(split.sums.map(({ name, shape: [units] }) => [name, backend.allocate(units)]));
    const weights = split.weights.map(
      (part) => [part.attrs.name, columnsOf(part, parameters, backend)] as const,
    );
    this.entries = split.entries.map((entries) => new EntriesTable(entries, compile, backend));
    const tables = this.entries.flatMap(({ tables }) => [...tables]);
    const own = new Map([...weights, ...this.sums, ...tables]);
    this.repeated = inputNames(split.each).filter((name) => shared.has(name));
    this.computeOnce = compile(split.once, 1, own);
    this.computeEach = compile(split.each, undefined, own);
  }

  /** @param each with the columns of the items that are not shared */
  logits(once: ColumnSet, { rows, columns }: ColumnSet, outputs: number): Float32Array {
    const all = new Map(columns);
    for (const name of this.repeated) all.set(name, broadcast(once.columns.get(name)!, rows));
    for (const [name, data] of outputsOfRow(this.computeOnce, once)) {
      const sum = this.sums.get(name);
      if (sum) sum.write(0, data);
      else all.set(name, { kind: "number", data, offset: 0, stride: 0, width: data.length });
    }
    for (const entries of this.entries)
      all.set(entries.positions, broadcast(entries.lookUp(once.columns), rows));
    return logitsOf(this.computeEach, { rows, columns: all }, outputs);
  }
}

/** Some columns of a weight, as memory of their own. */
function columnsOf(
  { attrs, from, columns }: WeightPart,
  parameters: ReadonlyMap<string, Memory>,
  backend: Backend,
): Memory {
  const source = parameters.get(from)!;
  const [units] = attrs.shape;
  const whole = new Float32Array(source.elements);
  source.read(0, whole);
  const inputs = whole.length / units;
  const part = Float32Array.from(
    { length: units * columns.length },
    (_, i) => whole[Math.floor(i / columns.length) * inputs + columns[i % columns.length]],
  );
  const memory = backend.allocate(part.length);
  memory.write(0, part);
  return memory;
}

/** Some features of a model, with those that they are computed from. */
class FeatureSubset {
  readonly names: ReadonlySet<string>;
  private readonly encoder: Encoder;

  constructor(
    private readonly fitted: FittedFeatures,
    isIn: (feature: FittedFeature) => boolean,
  ) {
    const chosen = fitted.features.filter(isIn);
    this.names = new Set(chosen.map(({ name }) => name));
    const needed = new Set(chosen.flatMap((feature) => [feature, ...inputsOf(feature, fitted)]));
    const features = fitted.features.filter((feature) => needed.has(feature));
    this.encoder = createEncoder({ ...fitted, features }, { reuses: true });
  }

  encode(cells: PlacedCells): ColumnSet {
    return encodeOrRefuse(this.encoder, cells, this.fitted);
  }
}

/** The columns that a feature and its inputs read. */
function columnsRead(feature: FittedFeature, fitted: FittedFeatures): string[] {
  return [feature, ...inputsOf(feature, fitted)].flatMap(({ reading }) => reading.columns);
}

/** The features that a feature is computed from, and those that they are computed from. */
function inputsOf({ reading }: FittedFeature, fitted: FittedFeatures): FittedFeature[] {
  const direct = (reading.derivation?.inputs ?? []).flatMap((input) =>
    "feature" in input ? fitted.features.filter(({ name }) => name === input.feature) : [],
  );
  return direct.flatMap((feature) => [feature, ...inputsOf(feature, fitted)]);
}

/** The entries or ids in the only row of a column. */
function entriesIn(column: Column): number {
  return column.kind === "ids" ? column.values.length : 0;
}

/** A column in which every row is the only row of this one. */
function broadcast(column: Column, rows: number): Column {
  return column.kind === "ids" ? broadcastBag(column, rows) : { ...column, stride: 0 };
}

function broadcastBag({ values, weights, ...column }: BagColumn, rows: number): BagColumn {
  const offsets = BigUint64Array.from({ length: rows + 1 }, (_, row) => BigInt(row * values.length));
  const all = { ...column, values: repeated(values, rows), offsets };
  return weights ? { ...all, weights: repeated(weights, rows) } : all;
}

function repeated<A extends BagColumn["values"] | Float32Array>(values: A, times: number): A {
  const { length } = values;
  const all = new (values.constructor as Int32ArrayConstructor)(length * times) as unknown as A;
  for (let i = 0; i < times; i++) all.set(values as never, i * length);
  return all;
}
