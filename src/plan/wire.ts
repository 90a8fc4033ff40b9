import type { Graph } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { columnsOf, isFirstOfShare, type Placement, rowsOfShard, slotsOf } from "../graph/placement.js";
import { NARROW_ROWS, type Tensor, width } from "../graph/tensor.js";
import { EXCHANGES } from "../ops/exchange/index.js";
import type { UniqueRowsAttrs } from "../ops/exchange/unique-rows.js";
import type { Plan } from "../passes/memory-plan.js";
import { toldBytes, type WholeRows, wholeRowsOf } from "../passes/whole-rows.js";
import { type Groups, groupsOf } from "./ranks.js";

/* What ranks send each other in a step, byte by byte: native/cpu/exchange/. */

const STATUS_BYTES = 8;
const COUNTS_BYTES = 8;
const FP32 = 4;
const NODE_BYTES = 4;
const RESULTS_COUNT_BYTES = 4;

/** Where a table is, and what ranks ask of each other. */
export interface TableTraffic {
  readonly placement: Placement;
  /** Different rows that a rank asks other ranks for, each of the ranks that have parts of a row. */
  asks(rank: number): number;
  /** Numbers of the sums of gradients that it returns to them. @param numbersOf of a sum, to an owner */
  returns(rank: number, numbersOf: (owner: number) => number): number;
  /** Rows that the others ask it for. */
  answers(rank: number): number;
  /** Different rows that it has, or adds up gradients of, and that any rank has gradients of. */
  updates(rank: number): number;
}
/** By the name of the table. */
export type TrafficOf = (table: string) => TableTraffic;

/** One collective call. */
export interface Round {
  /** In the counters of the communicator. */
  readonly name: string;
  /** Bytes that a rank sends to all others together. */
  sent(rank: number): number;
}

/** All calls of a step, in order. */
export function roundsOf(plan: Plan, ranks: number, trafficOf: TrafficOf): Round[] {
  const routes = new Routes(plan, ranks, trafficOf);
  const stages = plan.stages.filter(({ kind }) => kind === "exchange");
  return stages.flatMap(({ steps }) => {
    const senders = steps.map(({ node }) => routes.roundsOf(node));
    const rounds = Math.max(...senders.map(({ length }) => length));
    return Array.from({ length: rounds }, (_, round): Round => {
      const sending = senders.flatMap((each) => each.slice(round, round + 1));
      const statuses = (ranks - 1) * STATUS_BYTES;
      const sent = (rank: number) => sending.reduce((sum, each) => sum + each.sent(rank), statuses);
      return { name: sending[0].name, sent };
    });
  });
}

/** Bytes that a rank sends to others in a step, by the names of the counters. */
export function bytesSent(rounds: readonly Round[], rank: number): Map<string, number> {
  const sent = new Map<string, number>();
  for (const round of rounds) sent.set(round.name, (sent.get(round.name) ?? 0) + round.sent(rank));
  return sent;
}

interface Route extends Pick<UniqueRowsAttrs, "rows" | "returned"> {
  /** Of ids. */
  readonly columns: number;
  readonly whole: WholeRows;
  readonly traffic: TableTraffic;
}

/** The table that a route's rows are fetched from, or that the sums of its gradients update. */
function tableOfRoute({ nodes }: Graph, route: number): Tensor {
  const fetch = nodes.find(({ op, attrs }) => op === EXCHANGES.fetchRows && attrs.route === route);
  if (fetch) return fetch.inputs[0];
  const fold = nodes.find(({ op, attrs }) => op === EXCHANGES.foldRows && attrs.route === route)!;
  return nodes.find(({ inputs }) => inputs.includes(fold.outputs[1]))!.inputs[0];
}

class Routes {
  private readonly groups: readonly Groups[];
  private readonly routes = new Map<number, Route>();

  constructor(
    { graph, ...plan }: Plan,
    private readonly ranks: number,
    trafficOf: TrafficOf,
  ) {
    this.groups = groupsOf(plan.maxBatch, plan, ranks);
    const nameOf = new Map(
      graph.nodes.flatMap(({ op, attrs, outputs }) =>
        op.binds === "parameter" ? [[outputs[0], attrs.name as string] as const] : [],
      ),
    );
    for (const { op, attrs, inputs } of graph.nodes) {
      if (op !== EXCHANGES.uniqueRows) continue;
      const table = tableOfRoute(graph, attrs.route);
      const traffic = trafficOf(nameOf.get(table)!);
      this.routes.set(attrs.route, {
        ...(attrs as UniqueRowsAttrs),
        columns: inputs.length,
        whole: wholeRowsOf(graph, table),
        traffic,
      });
    }
  }

  /** What an operation sends in each of its rounds, without the status. */
  roundsOf(node: Node): Round[] {
    const { op } = node;
    if (op === EXCHANGES.tellRows) return this.telling(node);
    if (op === EXCHANGES.fetchRows) return this.fetching(node);
    if (op === EXCHANGES.returnRows) return [this.returning(node)];
    if (op === EXCHANGES.foldRows) return this.foldingRows(node);
    if (op === EXCHANGES.foldAcross) return this.folding(node);
    if (op === EXCHANGES.gatherSlots) return [this.gatheringSlots(node)];
    return [this.gatheringRows(node)];
  }

  private telling({ attrs }: Node): Round[] {
    const route = this.routes.get(attrs.route)!;
    const idBytes = (rank: number) => idBytesOf(route.rows) + (this.tellsNodes(route, rank) ? NODE_BYTES : 0);
    return [
      { name: "counts", sent: () => (this.ranks - 1) * COUNTS_BYTES },
      { name: "ids", sent: (rank) => idBytes(rank) * route.traffic.asks(rank) },
    ];
  }

  private fetching(node: Node): Round[] {
    const { traffic } = this.routes.get(node.attrs.route)!;
    const { shape, dtype } = node.inputs[0];
    const bytes = dtype === "fp32" ? FP32 : FP32 / 2;
    const partBytes = (rank: number) => bytes * partOf(traffic.placement, rank, (shape[1] as number) ?? 1);
    return [...this.telling(node), { name: "rows", sent: (rank) => partBytes(rank) * traffic.answers(rank) }];
  }

  private returning({ attrs, outputs }: Node): Round {
    const { traffic, rows, whole } = this.routes.get(attrs.route)!;
    const { placement } = traffic;
    const dim = width(outputs[1]);
    const numbersOf = (owner: number) => (whole.sums ? dim : partOf(placement, owner, dim));
    const others = (placement.columns ?? 1) - 1;
    const told = (rank: number): number => {
      const updated = whole.everyRow ? rowsOfShard({ rows, placement, rank }) : traffic.updates(rank);
      return others * updated * toldBytes(whole, partOf(placement, rank, dim));
    };
    return { name: "sums", sent: (rank) => FP32 * traffic.returns(rank, numbersOf) + told(rank) };
  }

  private foldingRows(node: Node): Round[] {
    const { traffic, rows } = this.routes.get(node.attrs.route)!;
    const others = this.ranks - 1;
    const sums = this.returning(node);
    const resultBytes = idBytesOf(rows) + FP32 * width(node.outputs[1]);
    return [
      { name: "sums", sent: (rank) => sums.sent(rank) + others * RESULTS_COUNT_BYTES },
      { name: "dense", sent: (rank) => others * resultBytes * traffic.updates(rank) },
    ];
  }

  /** Each rank adds up a slice of each weight's gradient, and sends it to all. */
  private folding({ outputs }: Node): Round[] {
    const widths = outputs.map(width);
    const end = (n: number, rank: number): number => Math.floor((n * rank) / this.ranks);
    const slice = (rank: number): number =>
      widths.reduce((floats, n) => floats + end(n, rank + 1) - end(n, rank), 0);
    const all = widths.reduce((floats, n) => floats + n, 0);
    return [
      { name: "sums", sent: (rank) => FP32 * this.groups[rank].nodes.length * (all - slice(rank)) },
      { name: "dense", sent: (rank) => FP32 * (this.ranks - 1) * slice(rank) },
    ];
  }

  private gatheringSlots({ attrs }: Node): Round {
    const { placement } = this.routes.get(attrs.route)!.traffic;
    const slots = (rank: number): number =>
      isFirstOfShare(placement, rank) ? slotsOf(placement, rank)[1] - slotsOf(placement, rank)[0] : 0;
    return { name: "squares", sent: (rank) => FP32 * (this.ranks - 1) * slots(rank) };
  }

  private gatheringRows({ inputs: [rows] }: Node): Round {
    const bytes = rows.dtype === "id64" ? 2 * FP32 : FP32 * width(rows);
    const count = (rank: number): number => this.groups[rank].rows[1] - this.groups[rank].rows[0];
    return { name: "batch", sent: (rank) => bytes * (this.ranks - 1) * count(rank) };
  }

  /** Whether a rank must tell in which of its nodes a row gets a gradient. */
  private tellsNodes({ returned, columns }: Route, rank: number): boolean {
    return returned > 0 && (returned < columns || this.groups[rank].nodes.length > 1);
  }
}

/** Of a row's place in messages. */
export const idBytesOf = (rows: number): number => (rows > NARROW_ROWS ? 2 * FP32 : FP32);

/** The numbers that a rank has of a row. */
function partOf(placement: Placement, rank: number, dim: number): number {
  const [begin, end] = columnsOf(placement, rank, dim);
  return end - begin;
}
