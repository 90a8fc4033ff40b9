import type { Node } from "../graph/op.js";
import { type Placement, SLOTS, slotsOf } from "../graph/placement.js";
import { NARROW_ROWS, type Tensor, width } from "../graph/tensor.js";
import { EXCHANGES } from "../ops/exchange/index.js";
import type { UniqueRowsAttrs } from "../ops/exchange/unique-rows.js";
import type { Plan } from "../passes/memory-plan.js";
import { type Groups, groupsOf } from "./ranks.js";

/* What ranks send each other in a step, byte by byte: native/cpu/exchange/. */

const STATUS_BYTES = 8;
const COUNTS_BYTES = 8;
const FP32 = 4;
const NODE_BYTES = 4;

/** What a rank asks of an owner, of a table: different rows, and sums of gradients that it returns. */
export interface Asked {
  readonly rows: number;
  readonly sums: number;
}
/** Where a table is, and what ranks ask of its owners. */
export interface TableTraffic {
  readonly placement: Placement;
  asked(asker: number, owner: number): Asked;
}
/** By the name of the table. */
export type TrafficOf = (table: string) => TableTraffic;

/** One collective call: its name in the counters of the communicator, and what each rank sends to each. */
export interface Round {
  readonly name: string;
  /** Bytes with the status. */
  bytes(from: number, to: number): number;
}

/** What an operation sends in each of its rounds, without the status. */
interface Sender {
  readonly name: string;
  readonly bytes: (from: number, to: number) => number;
}

/** All calls of a step, in order. */
export function roundsOf(plan: Plan, ranks: number, trafficOf: TrafficOf): Round[] {
  const rows = new Routes(plan, ranks, trafficOf);
  const stages = plan.stages.filter(({ kind }) => kind === "exchange");
  return stages.flatMap(({ steps }) => {
    const senders = steps.map(({ node }) => rows.sendersOf(node));
    const rounds = Math.max(...senders.map(({ length }) => length));
    return Array.from({ length: rounds }, (_, round): Round => {
      const sending = senders.flatMap((each) => each.slice(round, round + 1));
      const bytes = (from: number, to: number) =>
        sending.reduce((sum, sender) => sum + sender.bytes(from, to), STATUS_BYTES);
      return { name: sending[0].name, bytes };
    });
  });
}

/** Bytes that a rank sends to others in a step, by the names of the counters. */
export function bytesSent(rounds: readonly Round[], rank: number, ranks: number): Map<string, number> {
  const sent = new Map<string, number>();
  for (const { name, bytes } of rounds)
    for (let to = 0; to < ranks; to++)
      if (to !== rank) sent.set(name, (sent.get(name) ?? 0) + bytes(rank, to));
  return sent;
}

interface Route extends Pick<UniqueRowsAttrs, "rows" | "returned"> {
  readonly columns: number;
  readonly traffic: TableTraffic;
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
    const listed = graph.nodes.filter(({ op }) => op === EXCHANGES.uniqueRows);
    const fetched = graph.nodes.filter(({ op }) => op === EXCHANGES.fetchRows);
    for (const { attrs, inputs } of listed) {
      const { inputs: fetch } = fetched.find((each) => each.attrs.route === attrs.route)!;
      this.routes.set(attrs.route, {
        ...(attrs as UniqueRowsAttrs),
        columns: inputs.length,
        traffic: trafficOf(nameOf.get(fetch[0])!),
      });
    }
  }

  sendersOf(node: Node): Sender[] {
    const { op } = node;
    if (op === EXCHANGES.fetchRows) return this.fetching(node);
    if (op === EXCHANGES.returnRows) return [this.returning(node)];
    if (op === EXCHANGES.foldAcross) return this.folding(node);
    if (op === EXCHANGES.gatherSlots) return [this.gatheringSlots(node)];
    return [this.gatheringRows(node)];
  }

  private fetching({ attrs, inputs: [table] }: Node): Sender[] {
    const route = this.routes.get(attrs.route)!;
    const id = route.rows > NARROW_ROWS ? 2 * FP32 : FP32;
    const idBytes = (asker: number) => id + (this.tellsNodes(route, asker) ? NODE_BYTES : 0);
    const rowBytes = rowBytesOf(table);
    const rows = (asker: number, owner: number) => route.traffic.asked(asker, owner).rows;
    return [
      { name: "counts", bytes: () => COUNTS_BYTES },
      { name: "ids", bytes: (from, to) => idBytes(from) * rows(from, to) },
      { name: "rows", bytes: (from, to) => rowBytes * rows(to, from) },
    ];
  }

  private returning({ attrs, outputs }: Node): Sender {
    const { traffic } = this.routes.get(attrs.route)!;
    const rowBytes = FP32 * width(outputs[1]);
    return { name: "sums", bytes: (from, to) => rowBytes * traffic.asked(from, to).sums };
  }

  private folding({ outputs }: Node): Sender[] {
    const widths = outputs.map(width);
    const slice = (rank: number): number =>
      widths.reduce((sum, n) => sum + sliceEnd(n, rank + 1) - sliceEnd(n, rank), 0);
    const sliceEnd = (n: number, rank: number): number => Math.floor((n * rank) / this.ranks);
    const slices = Array.from({ length: this.ranks }, (_, rank) => FP32 * slice(rank));
    return [
      { name: "sums", bytes: (from, to) => this.groups[from].nodes.length * slices[to] },
      { name: "dense", bytes: (from) => slices[from] },
    ];
  }

  private gatheringSlots({ attrs }: Node): Sender {
    const { placement } = this.routes.get(attrs.route)!.traffic;
    return { name: "squares", bytes: (from) => FP32 * slotCount(placement, from) };
  }

  private gatheringRows({ inputs: [rows] }: Node): Sender {
    const bytes = rows.dtype === "id64" ? 2 * FP32 : FP32 * width(rows);
    const count = (rank: number): number => this.groups[rank].rows[1] - this.groups[rank].rows[0];
    return { name: "batch", bytes: (from) => bytes * count(from) };
  }

  /** Whether a rank must tell in which of its nodes a row gets a gradient. */
  private tellsNodes({ returned, columns }: Route, rank: number): boolean {
    return returned > 0 && (returned < columns || this.groups[rank].nodes.length > 1);
  }
}

function slotCount(placement: Placement, rank: number): number {
  const [begin, end] = slotsOf(placement, rank);
  return Math.min(end, SLOTS) - begin;
}

function rowBytesOf({ shape, dtype }: Tensor): number {
  const [, dim = 1] = shape as number[];
  return dim * (dtype === "fp32" ? FP32 : FP32 / 2);
}
