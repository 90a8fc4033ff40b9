import type { AccumulationGroups } from "../graph/accumulation.js";
import type { Graph } from "../graph/graph.js";
import { producers } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { isBag, type Tensor } from "../graph/tensor.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { chooseGeometry, plan } from "../passes/compile.js";
import type { Plan } from "../passes/memory-plan.js";
import { placedParameters, shardingOf, usesOfTables } from "../passes/shard.js";
import { INFERENCE_BATCH } from "../train/evaluate.js";
import { tableOf } from "../train/match-rows.js";
import { bytesOf } from "../train/parameter-memory.js";

/** What training a model asks of the ranks, wherever its tables are. */
export interface Demand {
  readonly ranks: number;
  /** Rows of a step, over all ranks, and how they are divided. */
  readonly batch: number;
  readonly geometry: AccumulationGroups;
  readonly tables: readonly TableDemand[];
  /** Bytes of weights and states that every rank has. */
  readonly dense: { readonly weights: number; readonly states: number };
  readonly training: Plan;
  readonly inference: Plan;
}

export interface TableDemand {
  /** Of the parameter. */
  readonly name: string;
  /** In the config: the feature's embedding. */
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
  /** The columns of ids that are looked up; the gradients of the first `returned` return to the rows. */
  readonly columns: readonly ColumnDemand[];
  readonly returned: number;
}

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
}

/** @throws GraphError for tables that several ranks cannot share yet */
export function demandOf({ training, inference, batch, ranks, groups }: DemandOptions): Demand {
  const sharding = shardingOf(ranks);
  const geometry = chooseGeometry(training, batch, { groups });
  const { tables, dense } = parametersOf(training, inference);
  return {
    ranks,
    batch,
    geometry,
    tables,
    dense,
    training: plan(training, batch, { geometry, sharding }),
    inference: plan(inference, INFERENCE_BATCH, { sharding }),
  };
}

/** Two ranks, so that the parameters that ranks share are told from the others. */
const SHARED = shardingOf(2);

function parametersOf(training: Graph, inference: Graph): Pick<Demand, "tables" | "dense"> {
  const all = [inference, training].flatMap((graph) => placedParameters(graph, SHARED));
  const attrs = [...new Map(all.map((each) => [each.name, each])).values()];
  const shared = attrs.filter(({ placement }) => placement);
  const uses = new Map([inference, training].flatMap((graph) => [...lookupsOf(graph)]));
  const sizes = (role: "state" | undefined) =>
    attrs
      .filter((each) => !each.placement && (each.role === "state" ? "state" : undefined) === role)
      .reduce((sum, each) => sum + bytesOf(each), 0);
  const states = stateBytes(shared);
  return {
    tables: shared
      .filter(({ role }) => role === "table")
      .map((table) => tableDemand(table, states.get(table.name) ?? 0, uses.get(table.name)!)),
    dense: { weights: sizes(undefined), states: sizes("state") },
  };
}

/** Of all states of a table, by its name. */
function stateBytes(shared: readonly ParameterAttrs[]): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const state of shared.filter(({ role }) => role === "state")) {
    const table = state.name.slice(0, state.name.lastIndexOf("/"));
    bytes.set(table, (bytes.get(table) ?? 0) + bytesOf(state));
  }
  return bytes;
}

type Lookups = Pick<TableDemand, "columns" | "returned">;

function tableDemand(attrs: ParameterAttrs, states: number, lookups: Lookups): TableDemand {
  const { name, shape, dtype = "fp32", translation, byKey = false } = attrs;
  const [rows, dim = 1] = shape;
  return {
    name,
    table: tableOf(name) ?? name,
    rows,
    dim,
    dtype,
    translation,
    byKey,
    weights: bytesOf(attrs) / rows,
    states: states / rows,
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
  const uses = [...usesOfTables(graph)].map(([, { attrs, returned, others }]): [string, Lookups] => {
    const columns = [...returned, ...others].map((ids): ColumnDemand => {
      return { name: inputOf(ids, made, attrs.byKey ?? false), isBag: isBag(ids.dtype) };
    });
    return [attrs.name, { columns, returned: returned.length }];
  });
  return new Map(uses);
}
