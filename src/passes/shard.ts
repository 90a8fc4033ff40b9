import { GraphError } from "../errors.js";
import { executionOf, type Graph, GraphBuilder, producers } from "../graph/graph.js";
import type { Node, Op, Pooling } from "../graph/op.js";
import { byRows, COLUMN_UNIT, isSamePlacement, mostColumns, type Placement } from "../graph/placement.js";
import { columnsOf, isRow, type Tensor } from "../graph/tensor.js";
import { EXCHANGES } from "../ops/exchange/index.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { LOOKUPS } from "./lookups.js";

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
  const nodes =
    sharding.ranks === 1 ? graph.nodes : placed(graph, placementsOf(usesOfTables(graph), sharding));
  return nodes.filter(({ op }) => op.binds === "parameter").map(({ attrs }) => attrs as ParameterAttrs);
}

/** @param placements by the name of the table; all ranks share the others */
export function shardingOf(ranks: number, placements?: ReadonlyMap<string, Placement>): Sharding {
  return {
    ranks,
    placementOf: ({ name, translation = name }) => placements?.get(name) ?? byRows(translation, ranks),
  };
}

/** The listed rows of a table. */
interface Listed {
  readonly route: number;
  /** The columns of ids, and the results of `uniqueRows` for each. */
  readonly columns: readonly Tensor[];
  readonly indices: readonly Tensor[];
}

/** A table on its way through the pass. */
interface Route extends Pick<Listed, "route" | "indices"> {
  /** What lookups read, and the columns that they read it by. */
  readonly rows: Tensor;
  readonly by: ReadonlyMap<Tensor, Tensor>;
  /** True if every rank has all rows. */
  readonly copied: boolean;
  /** What `returnRows` or `foldRows` gives, once it is there. */
  sums?: readonly Tensor[];
}

class Sharder {
  private readonly builder: GraphBuilder;
  private readonly nodes: Node[] = [];
  private readonly replaced = new Map<Tensor, Tensor>();
  private readonly routes = new Map<Tensor, Route>();
  private listed = 0;
  private readonly gathered = new Map<Tensor, Tensor>();
  private readonly uses: ReadonlyMap<Tensor, TableUses>;
  private readonly placements: ReadonlyMap<Tensor, Placement>;

  constructor(
    private readonly graph: Graph,
    sharding: Sharding,
  ) {
    this.builder = new GraphBuilder(graph);
    this.uses = usesOfTables(graph);
    this.placements = placementsOf(this.uses, sharding);
  }

  run(): Graph {
    // What gives the rows that samples name.
    const isFirst = (node: Node): boolean =>
      executionOf(node) === "source" || node.op.binds === "translation";
    this.nodes.push(...placed(this.graph, this.placements).filter(isFirst));
    const listed = [...this.uses].flatMap(([table, each]) =>
      this.isCopied(table) && each.returned.length === 0
        ? []
        : [[table, this.listRows(table, each)] as const],
    );
    for (const [table, each] of listed) this.shareRows(table, each);
    for (const node of this.graph.nodes) if (!isFirst(node)) this.rewrite(node);
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

  private isCopied(table: Tensor): boolean {
    return this.placements.get(table)!.copies ?? false;
  }

  private listRows(table: Tensor, { returned, others }: TableUses): Listed {
    const route = this.listed++;
    const columns = [...returned, ...others];
    const [rows] = table.shape as number[];
    const placement = this.placements.get(table)!;
    const attrs = { route, rows, placement, returned: returned.length };
    const indices = this.add(EXCHANGES.uniqueRows, columns, attrs);
    return { route, columns, indices };
  }

  private shareRows(table: Tensor, { route, columns, indices }: Listed): void {
    const copied = this.isCopied(table);
    const read = copied ? this.add(EXCHANGES.tellRows, [...columns, ...indices], { route }) : indices;
    const [rows] = copied ? [table] : this.add(EXCHANGES.fetchRows, [table, ...indices], { route });
    // A column that occurs twice has the same indices twice.
    const by = new Map(columns.map((ids, i) => [ids, read[i]]));
    this.routes.set(table, { route, indices, rows, by, copied });
  }

  private rewrite(node: Node): void {
    const inputs = node.inputs.map((tensor) => this.now(tensor));
    const route = this.routes.get(node.inputs[0]);
    if (route && LOOKUPS.has(node.op)) {
      this.nodes.push({ ...node, inputs: [route.rows, route.by.get(node.inputs[1])!] });
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
    if (node.outputs.length === 0 || route.copied) return;
    const [sums] = node.outputs;
    const [gathered] = this.add(EXCHANGES.gatherSlots, [sums], { route: route.route });
    this.replaced.set(sums, gathered);
  }

  private returnRows(
    { inputs, attrs: { poolings } }: Node,
    { route, indices, copied }: Route,
  ): readonly Tensor[] {
    const pairs = inputs.slice(-2 * poolings.length);
    // The first columns that are listed are those of the pairs, in their order.
    const own = pairs.map((tensor, i) => (i % 2 === 0 ? indices[i / 2] : tensor));
    return this.add(copied ? EXCHANGES.foldRows : EXCHANGES.returnRows, own, { route, poolings });
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
  const updates = firstUpdates(graph);
  const lookups = new Map<Tensor, Set<Tensor>>();
  for (const { op, inputs } of graph.nodes) {
    if (LOOKUPS.has(op)) lookups.set(inputs[0], (lookups.get(inputs[0]) ?? new Set()).add(inputs[1]));
  }
  const uses = [...lookups].map(([table, columns]): [Tensor, TableUses] => {
    const attrs = made.get(table)!.attrs as ParameterAttrs;
    const returned = returnedColumns(updates.get(table));
    return [table, { attrs, returned, others: [...columns].filter((ids) => !returned.includes(ids)) }];
  });
  // Programs list rows in the order of routes, and those of translated ids are known later.
  const isTranslated = ([, { attrs }]: [Tensor, TableUses]) => Number(attrs.translation !== undefined);
  return new Map(uses.sort((a, b) => isTranslated(a) - isTranslated(b)));
}

/** The first equation that reads the gradients of each table. */
function firstUpdates({ nodes }: Graph): Map<Tensor, Node> {
  const ofTables = nodes.filter((node) => executionOf(node) === "table");
  return new Map(ofTables.reverse().map((node) => [node.inputs[0], node]));
}

function returnedColumns(update: Node | undefined): Tensor[] {
  if (!update) return [];
  return update.inputs.slice(-2 * update.attrs.poolings.length).filter((_, i) => i % 2 === 0);
}

/**
 * The ranks that share each table.
 * @throws GraphError if tables whose ids are translated together are not shared by the same ranks, or rows are divided among more
 * ranks than they can be
 */
function placementsOf(
  uses: ReadonlyMap<Tensor, TableUses>,
  { placementOf }: Sharding,
): Map<Tensor, Placement> {
  const translated = new Map<string, Placement>();
  const placements = new Map<Tensor, Placement>();
  for (const [table, { attrs }] of uses) {
    const placement = placementOf(attrs);
    placements.set(table, placement);
    refuseColumns(table, attrs, placement);
    if (attrs.translation === undefined) continue;
    if (!isSamePlacement(translated.get(attrs.translation) ?? placement, placement)) throw apart(attrs);
    translated.set(attrs.translation, placement);
  }
  return placements;
}

function refuseColumns(table: Tensor, { name }: ParameterAttrs, { columns = 1, copies }: Placement): void {
  const most = mostColumns(columnsOf(table));
  if (columns <= most || copies) return;
  throw new GraphError({
    what: "the rows of a table cannot be divided among this number of ranks",
    where: name,
    got: `${columns} parts of each row`,
    expected: most === 1 ? "whole rows" : `at most ${most}, of ${COLUMN_UNIT} columns`,
    next: "Divide them among fewer ranks, or place the table by rows.",
  });
}

function apart({ name, translation }: ParameterAttrs): GraphError {
  return new GraphError({
    what: "tables whose ids are translated together are not shared by the same ranks",
    where: name,
    got: `another table of the translation ${translation} has another placement`,
    next: "Give all tables of the feature the same placement.",
  });
}

/** The equations, where tables of which ranks have some rows, and their states, say which ranks share them. */
function placed(graph: Graph, ofTables: ReadonlyMap<Tensor, Placement>): Node[] {
  const made = producers(graph);
  const placements = new Map([...ofTables].filter(([, { copies }]) => !copies));
  for (const { inputs, outputs, op } of graph.nodes) {
    if (op.execution !== "table" || outputs.length > 0) continue;
    const states = inputs.slice(1).filter((tensor) => made.get(tensor)?.attrs.role === "state");
    const placement = placements.get(inputs[0]);
    for (const state of states) if (placement) placements.set(state, placement);
  }
  return graph.nodes.map((node) => {
    const placement = placements.get(node.outputs[0]);
    return placement ? { ...node, attrs: { ...node.attrs, placement } } : node;
  });
}
