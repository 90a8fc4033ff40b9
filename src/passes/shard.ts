import { GraphError } from "../errors.js";
import { executionOf, type Graph, GraphBuilder, producers } from "../graph/graph.js";
import type { Node, Op, Pooling } from "../graph/op.js";
import { type Placement, SLOTS } from "../graph/placement.js";
import { isRow, type Tensor } from "../graph/tensor.js";
import { embedEntries } from "../ops/embed-entries.js";
import { embedding } from "../ops/embedding.js";
import { embeddingBag } from "../ops/embedding-bag.js";
import { EXCHANGES } from "../ops/exchange/index.js";
import type { ParameterAttrs } from "../ops/sources.js";

/** The ranks of a program, and which of them share each table. */
export interface Sharding {
  readonly ranks: number;
  placementOf(table: ParameterAttrs): Placement;
}

/**
 * Divides a step among ranks; all of them run the same graph. Lookups read rows that their owners send, gradients of
 * rows return to the owners, which update them, and reductions are folded over the groups of all ranks. Graphs of one rank
 * are unchanged. The last pass: nothing else knows of ranks.
 */
export function shard(graph: Graph, sharding: Sharding): Graph {
  return sharding.ranks === 1 ? graph : new Sharder(graph, sharding).run();
}

/** The parameters of a graph, of which tables and their states say which ranks share them. */
export function placedParameters(graph: Graph, sharding: Sharding): ParameterAttrs[] {
  const nodes = sharding.ranks === 1 ? graph.nodes : placed(graph, sharding);
  return nodes.filter(({ op }) => op.binds === "parameter").map(({ attrs }) => attrs as ParameterAttrs);
}

/** @param placements by the name of the table; all ranks share the others */
export function shardingOf(ranks: number, placements?: ReadonlyMap<string, Placement>): Sharding {
  const rowWise = { firstRank: 0, owners: Math.min(ranks, SLOTS) };
  return { ranks, placementOf: ({ name }) => placements?.get(name) ?? rowWise };
}

const LOOKUPS: ReadonlySet<unknown> = new Set([embedding, embeddingBag, embedEntries]);

/** A table on its way through the pass. */
interface Route {
  readonly route: number;
  readonly rows: Tensor;
  /** The indices of each column of ids. */
  readonly local: ReadonlyMap<Tensor, Tensor>;
  /** What `returnRows` gives, once it is there. */
  sums?: readonly Tensor[];
}

class Sharder {
  private readonly builder: GraphBuilder;
  private readonly nodes: Node[] = [];
  private readonly replaced = new Map<Tensor, Tensor>();
  private readonly routes = new Map<Tensor, Route>();
  private readonly gathered = new Map<Tensor, Tensor>();

  constructor(
    private readonly graph: Graph,
    private readonly sharding: Sharding,
  ) {
    this.builder = new GraphBuilder(graph);
  }

  run(): Graph {
    const isSource = (node: Node): boolean => executionOf(node) === "source";
    this.nodes.push(...placed(this.graph, this.sharding).filter(isSource));
    for (const [table, uses] of usesOfTables(this.graph)) this.addRoute(table, uses);
    for (const node of this.graph.nodes) if (!isSource(node)) this.rewrite(node);
    const outputs = [...this.graph.outputs].map(([name, tensor]) => [name, this.now(tensor)] as const);
    return { nodes: this.nodes, outputs: new Map(outputs) };
  }

  private add<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): readonly Tensor[] {
    const outputs = this.builder.apply(op, inputs, attrs);
    this.nodes.push({ op: op as Op, inputs, attrs, outputs });
    return outputs;
  }

  private now(tensor: Tensor): Tensor {
    return this.replaced.get(tensor) ?? tensor;
  }

  private addRoute(table: Tensor, { attrs, returned, others }: TableUses): void {
    if (attrs.translation !== undefined) throw translated(attrs);
    const route = this.routes.size;
    const columns = [...returned, ...others];
    const [rows] = table.shape as number[];
    const placement = this.sharding.placementOf(attrs);
    const listed = { route, rows, placement, returned: returned.length };
    const local = this.add(EXCHANGES.uniqueRows, columns, listed);
    const [fetched] = this.add(EXCHANGES.fetchRows, [table, ...local], { route });
    // A column that occurs twice has the same indices twice.
    this.routes.set(table, {
      route,
      rows: fetched,
      local: new Map(columns.map((ids, i) => [ids, local[i]])),
    });
  }

  private rewrite(node: Node): void {
    const inputs = node.inputs.map((tensor) => this.now(tensor));
    const route = this.routes.get(node.inputs[0]);
    if (route && LOOKUPS.has(node.op)) {
      this.nodes.push({ ...node, inputs: [route.rows, route.local.get(node.inputs[1])!] });
    } else if (route) {
      this.rewriteUpdate({ ...node, inputs }, route);
    } else if (executionOf(node) === "batch" && !node.op.additive) {
      this.nodes.push({ ...node, inputs: inputs.map((tensor) => this.gather(tensor)) });
    } else {
      this.nodes.push({ ...node, inputs });
      if (executionOf(node) === "reduces") this.fold(node);
    }
  }

  /** An update of a table, or a norm of its gradient, with the sums that have returned. */
  private rewriteUpdate(node: Node, route: Route): void {
    const before = node.inputs.slice(0, -2 * node.attrs.poolings.length);
    route.sums ??= this.returnRows(node, route);
    const attrs = { ...node.attrs, poolings: ["sum"] satisfies Pooling[] };
    this.nodes.push({ ...node, inputs: [...before, ...route.sums], attrs });
    if (node.outputs.length === 0) return;
    const [sums] = node.outputs;
    const [gathered] = this.add(EXCHANGES.gatherSlots, [sums], { route: route.route });
    this.replaced.set(sums, gathered);
  }

  private returnRows({ inputs, attrs: { poolings } }: Node, { route, local }: Route): readonly Tensor[] {
    const pairs = inputs.slice(-2 * poolings.length);
    const own = pairs.map((tensor, i) => (i % 2 === 0 ? local.get(tensor)! : tensor));
    return this.add(EXCHANGES.returnRows, own, { route, poolings });
  }

  private fold({ op, outputs }: Node): void {
    const folded = this.add(EXCHANGES.foldAcross, outputs, { combine: op.combine! });
    outputs.forEach((output, i) => void this.replaced.set(output, folded[i]));
  }

  private gather(tensor: Tensor): Tensor {
    if (!isRow(tensor)) return tensor;
    const gathered = this.gathered.get(tensor) ?? this.add(EXCHANGES.gatherRows, [tensor], {})[0];
    this.gathered.set(tensor, gathered);
    return gathered;
  }
}

/** The columns of ids that a table is used for: those whose gradients update it, in order, and the others. */
export interface TableUses {
  readonly attrs: ParameterAttrs;
  readonly returned: readonly Tensor[];
  readonly others: readonly Tensor[];
}

/** The tables that are looked up in, in the order of their first lookups. */
export function usesOfTables(graph: Graph): Map<Tensor, TableUses> {
  const made = producers(graph);
  const lookups = new Map<Tensor, Set<Tensor>>();
  for (const { op, inputs } of graph.nodes) {
    if (LOOKUPS.has(op)) lookups.set(inputs[0], (lookups.get(inputs[0]) ?? new Set()).add(inputs[1]));
  }
  const uses = [...lookups].map(([table, columns]): [Tensor, TableUses] => {
    const attrs = made.get(table)!.attrs as ParameterAttrs;
    const returned = returnedColumns(graph, table);
    return [table, { attrs, returned, others: [...columns].filter((ids) => !returned.includes(ids)) }];
  });
  return new Map(uses);
}

function returnedColumns(graph: Graph, table: Tensor): Tensor[] {
  const update = graph.nodes.find((node) => executionOf(node) === "table" && node.inputs[0] === table);
  if (!update) return [];
  return update.inputs.slice(-2 * update.attrs.poolings.length).filter((_, i) => i % 2 === 0);
}

/** The equations, where tables and their states say which ranks share them. */
function placed(graph: Graph, { placementOf }: Sharding): Node[] {
  const made = producers(graph);
  const placements = new Map<Tensor, Placement>();
  for (const table of usesOfTables(graph).keys()) placements.set(table, placementOf(made.get(table)!.attrs));
  for (const { inputs, outputs, op } of graph.nodes) {
    if (op.execution !== "table" || outputs.length > 0) continue;
    const states = inputs.slice(1).filter((tensor) => made.get(tensor)?.attrs.role === "state");
    for (const state of states) placements.set(state, placements.get(inputs[0])!);
  }
  return graph.nodes.map((node) => {
    const placement = placements.get(node.outputs[0]);
    return placement ? { ...node, attrs: { ...node.attrs, placement } } : node;
  });
}

function translated({ name }: ParameterAttrs): GraphError {
  return new GraphError({
    what: "several ranks cannot share a table that is dynamic or larger than memory yet",
    where: name,
    next: "Train with one process, or make it a table of fixed size in memory.",
  });
}
