import type { StoreConfig } from "../features/schema/store.js";
import type { AccumulationGroups } from "../graph/accumulation.js";
import type { Graph } from "../graph/graph.js";
import { producers } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { mostColumns, type Placement } from "../graph/placement.js";
import { type Entries, isBag, type Tensor } from "../graph/tensor.js";
import { tableOfPart } from "../layers/composed-embedding.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { chooseGeometry, plan } from "../passes/compile.js";
import type { Plan } from "../passes/memory-plan.js";
import { placedParameters, shardingOf, usesOfTables } from "../passes/shard.js";
import { type WholeRows, wholeRowsOf } from "../passes/whole-rows.js";
import { INFERENCE_BATCH } from "../train/evaluate.js";
import { tableOf } from "../train/match-rows.js";
import { bytesOf } from "../train/parameter-memory.js";
import { byOwner } from "../train/parameters.js";

/** What training a model asks of the ranks, wherever its tables are. */
export interface Demand {
  readonly ranks: number;
  /** Rows of a step, over all ranks, and how they are divided. */
  readonly batch: number;
  readonly geometry: AccumulationGroups;
  readonly tables: readonly TableDemand[];
  /** A column of ids of each sequence. */
  readonly sequences: ReadonlyMap<Entries, string>;
  /** Bytes of weights and states that every rank has. */
  readonly dense: { readonly weights: number; readonly states: number };
  readonly training: Plan;
  /** The training program where tables are at these places. */
  trainingAt(placements: ReadonlyMap<string, Placement>): Plan;
  readonly inference: Plan;
}

export interface TableDemand {
  /** Of the parameter. */
  readonly name: string;
  /** In the config: the feature's embedding. Both parts of a compositional one have its name. */
  readonly table: string;
  readonly rows: number;
  readonly dim: number;
  readonly dtype: NonNullable<ParameterAttrs["dtype"]>;
  /** Tables with the same one are on the same ranks. */
  readonly translation?: string;
  /** True if its rows belong to keys, which every rank has. */
  readonly byKey: boolean;
  /** Bytes of a row. */
  readonly weights: number;
  readonly states: number;
  /** Of these, bytes that are not divided with the row's columns. */
  readonly rowStates: number;
  /** The columns of ids that are looked up; the gradients of the first `returned` return to the rows. */
  readonly columns: readonly ColumnDemand[];
  readonly returned: number;
  /** Among how many ranks each row may be divided. */
  readonly parts: number;
  readonly wholeRows: WholeRows;
  /** Of a table that memory need not hold as a whole. */
  readonly store?: TableStore;
}

export interface TableStore extends Pick<StoreConfig, "memory"> {
  /** Bytes of a row in all tables that share the memory. */
  readonly record: number;
}

/** The stores of tables, by the name of their translation. */
export type Stores = ReadonlyMap<string, Pick<StoreConfig, "memory">>;

export interface ColumnDemand {
  /** The input; empty if the rows of the table are not the ids of an input. */
  readonly name: string;
  readonly isBag: boolean;
}

export interface DemandOptions {
  /** The graphs of a training step and of the forward pass. */
  readonly training: Graph;
  readonly inference: Graph;
  readonly batch: number;
  readonly ranks: number;
  /** Accumulation groups, instead of the default. */
  readonly groups?: number;
  readonly stores?: Stores;
}

/** @throws GraphError for tables that several ranks cannot share yet */
export function demandOf({ training, inference, batch, ranks, groups, stores }: DemandOptions): Demand {
  const sharding = shardingOf(ranks);
  const geometry = chooseGeometry(training, batch, { groups });
  const attrs = parametersOf(training, inference);
  return {
    ranks,
    batch,
    geometry,
    tables: withStores(tablesIn(attrs, training, inference), stores),
    sequences: sequencesOf(training),
    dense: denseBytes(attrs),
    training: plan(training, batch, { geometry, sharding }),
    trainingAt: (placements) => plan(training, batch, { geometry, sharding: shardingOf(ranks, placements) }),
    inference: plan(inference, INFERENCE_BATCH, { sharding }),
  };
}

/** Two ranks, so that the parameters that ranks share are told from the others. */
const SHARED = shardingOf(2);

function parametersOf(training: Graph, inference: Graph): ParameterAttrs[] {
  const all = [inference, training].flatMap((graph) => placedParameters(graph, SHARED));
  return [...new Map(all.map((each) => [each.name, each])).values()];
}

/** The tables that ranks share. */
export function tablesOf(training: Graph, inference: Graph, stores?: Stores): TableDemand[] {
  return withStores(tablesIn(parametersOf(training, inference), training, inference), stores);
}

function withStores(tables: readonly TableDemand[], stores: Stores = new Map()): TableDemand[] {
  return tables.map((table) => {
    const { translation } = table;
    const store = translation === undefined ? undefined : stores.get(translation);
    if (!store) return table;
    const together = tables.filter((each) => each.translation === translation);
    const record = together.reduce((sum, { weights, states }) => sum + weights + states, 0);
    return { ...table, store: { memory: store.memory, record } };
  });
}

function sequencesOf(training: Graph): Demand["sequences"] {
  const inputs = training.nodes.filter(({ op }) => op.binds === "input");
  return new Map(
    inputs.flatMap(({ attrs, outputs: [{ entries }] }) => (entries ? [[entries, attrs.name as string]] : [])),
  );
}

function tablesIn(attrs: readonly ParameterAttrs[], training: Graph, inference: Graph): TableDemand[] {
  const shared = attrs.filter(({ placement }) => placement);
  const states = byOwner(shared.filter(isState), ({ name }) => name);
  const uses = new Map([inference, training].flatMap((graph) => [...lookupsOf(graph)]));
  return shared
    .filter(({ role }) => role === "table")
    .map((table) => tableDemand(table, states.get(table.name) ?? [], uses.get(table.name)!));
}

function denseBytes(attrs: readonly ParameterAttrs[]): Demand["dense"] {
  const dense = attrs.filter(({ placement }) => !placement);
  return {
    weights: bytesOfAll(dense.filter((each) => !isState(each))),
    states: bytesOfAll(dense.filter(isState)),
  };
}

const isState = ({ role }: ParameterAttrs): boolean => role === "state";

const bytesOfAll = (attrs: readonly ParameterAttrs[]): number =>
  attrs.reduce((sum, each) => sum + bytesOf(each), 0);

type Lookups = Pick<TableDemand, "columns" | "returned" | "wholeRows">;

function tableDemand(
  attrs: ParameterAttrs,
  states: readonly ParameterAttrs[],
  lookups: Lookups,
): TableDemand {
  const { name, shape, dtype = "fp32", translation, byKey = false } = attrs;
  const [rows, dim = 1] = shape;
  return {
    name,
    table: tableOfPart(translation ?? "") ?? tableOf(name) ?? name,
    rows,
    dim,
    dtype,
    translation,
    byKey,
    weights: bytesOf(attrs) / rows,
    states: bytesOfAll(states) / rows,
    rowStates: bytesOfAll(states.filter(({ shape }) => shape.length === 1)) / rows,
    parts: mostColumns(dim),
    ...lookups,
  };
}

/** The input whose ids tell rows apart: they are the rows, or the keys of a dynamic table. */
function inputOf(ids: Tensor, made: ReadonlyMap<Tensor, Node>, byKey: boolean): string {
  const { op, attrs, inputs, outputs } = made.get(ids)!;
  if (op.binds === "input") return attrs.name;
  return byKey ? inputOf(inputs[outputs.indexOf(ids)], made, false) : "";
}

/** By the name of the table. */
function lookupsOf(graph: Graph): Map<string, Lookups> {
  const made = producers(graph);
  const uses = [...usesOfTables(graph)].map(([table, { attrs, returned, others }]): [string, Lookups] => {
    const columns = [...returned, ...others].map((ids): ColumnDemand => {
      return { name: inputOf(ids, made, attrs.byKey ?? false), isBag: isBag(ids.dtype) };
    });
    return [attrs.name, { columns, returned: returned.length, wholeRows: wholeRowsOf(graph, table) }];
  });
  return new Map(uses);
}
