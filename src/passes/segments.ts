import { executionOf } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { entriesOf, isRow, type Tensor, width } from "../graph/tensor.js";
import { EXCHANGES } from "../ops/exchange/index.js";
import { costOf } from "./node-cost.js";

/** Each divides a phase of tiles, and costs some memory traffic, as the second part reads what the first has made. */
const MOST_CUTS = 6;
/** What a cut must save, of the time of the phase, and what must be sent between two, of all numbers. */
const LEAST_GAIN = 0.01;
const LEAST_SENT = 1 / 64;
/** Operations on numbers in registers, in the time that a number takes from the cache, to memory and back, or to its update. */
const FLOPS_PER_ELEMENT = { cached: 4, kept: 40, updated: 100 };
/** In the time that the update of a row of a table waits for memory. */
const FLOPS_PER_ROW = 10_000;
/** Exchanging takes this share of the time of computing: cuts should do for all of these. */
const EXCHANGING = [0.25, 0.5, 1];
/** Of the rows that samples name, those that are different. A guess: it only places cuts. */
const UNIQUE_ROWS = 0.7;

/**
 * Divides the equations of a phase of tiles into segments that ranks compute one after the other. While they compute one,
 * they exchange what the ones before it have made: the rows of tables while they compute what does not need them, and
 * then the gradients of weights and rows, in the order in which these are complete. The order and the cuts are those with which a
 * step ends soonest, on average over exchanges that take a part, or all, of the time of computing.
 * @param inOrder the equations, each after those that it reads from
 * @param rows of a rank
 * @returns the segment of each equation; none if there is nothing to gain
 */
export function segmentsOf(
  nodes: readonly Node[],
  inOrder: readonly Node[],
  rows: number,
): Map<Node, number> {
  const dependent = dependentOnRows(nodes);
  const early = inOrder.filter((node) => !dependent.has(node));
  const rest = inOrder.filter((node) => dependent.has(node));
  const { order, cuts } = bestDivision(nodes, reductionsFirst(nodes, rest, rows), rows);
  const first = Number(timeOfAll(early, rows) > LEAST_GAIN * timeOfAll(rest, rows));
  const segments = new Map(early.map((node) => [node, 0]));
  order.forEach(({ node }, i) => void segments.set(node, first + cuts.filter((cut) => cut <= i).length));
  return segments;
}

/** The equations that read, directly or through others, rows that ranks send each other. */
function dependentOnRows(nodes: readonly Node[]): Set<Node> {
  const read = new Set<Tensor>();
  const dependent = new Set<Node>();
  for (const node of nodes) {
    const sends = node.op === EXCHANGES.fetchRows || node.op === EXCHANGES.tellRows;
    if (!sends && !node.inputs.some((input) => read.has(input))) continue;
    dependent.add(node);
    for (const output of node.outputs) read.add(output);
  }
  return dependent;
}

/** An equation in an order. Those of one place belong together: no cut divides them. */
interface Placed {
  readonly node: Node;
  readonly place: number;
}

/**
 * The same order, but for reductions, and short equations for them alone, directly after what they read: sooner sent, and what
 * else reads it is in the next segment.
 */
function reductionsFirst(nodes: readonly Node[], inOrder: readonly Node[], rows: number): Placed[] {
  const long = LEAST_GAIN * timeOfAll(inOrder, rows);
  const readElsewhere = new Set(nodes.flatMap((node) => (isReduction(node) ? [] : node.inputs)));
  const isShort = (node: Node) =>
    timeOf(node, rows) < long && node.outputs.every((output) => !readElsewhere.has(output));
  const places = new Map<Tensor, number>();
  const placed = inOrder.map((node, i) => {
    const readAt = Math.max(-1, ...node.inputs.map((input) => places.get(input) ?? -1));
    const place = isReduction(node) || isShort(node) ? readAt : i;
    for (const output of node.outputs) places.set(output, place);
    return { node, place };
  });
  return placed.sort((a, b) => a.place - b.place);
}

const isReduction = (node: Node): boolean => executionOf(node) === "reduces";

/**
 * The best cuts, and the order that they are for. What is sent last is waited for, but for updates in the meantime, so
 * a reduction may be better in the end than the gradients of rows.
 */
function bestDivision(nodes: readonly Node[], order: readonly Placed[], rows: number): Division {
  const all = order.map(({ node }) => node);
  const long = LEAST_GAIN * timeOfAll(all, rows);
  const orders = order.flatMap((each) => {
    if (!isReduction(each.node) || timeOf(each.node, rows) < long) return [];
    return [[...order.filter((other) => other !== each), { node: each.node, place: order.length }]];
  });
  const divisions = [order, ...orders].map((each) => ({
    order: each,
    ...bestCuts(piecesOf(nodes, each, rows)),
  }));
  const [first, ...others] = divisions;
  const best = others.reduce((a, b) => (b.end < a.end ? b : a), first);
  return best.end < first.end - long ? best : first;
}

interface Division {
  readonly order: readonly Placed[];
  readonly cuts: readonly number[];
}

/** An equation's time, the numbers that can be sent after it, the time of their updates, and the time that a cut after it costs. */
interface Piece {
  readonly time: number;
  readonly sent: number;
  readonly updates: number;
  readonly cut: number;
  /** Whether another equation of its place follows. */
  readonly isFollowed: boolean;
}

function piecesOf(nodes: readonly Node[], order: readonly Placed[], rows: number): Piece[] {
  const inOrder = order.map(({ node }) => node);
  const sent = sentAfter(nodes, inOrder, rows);
  const kept = keptAfter(inOrder);
  return order.map(({ node, place }, i) => ({
    time: timeOf(node, rows),
    ...sent[i],
    cut: FLOPS_PER_ELEMENT.kept * rows * kept[i],
    isFollowed: order[i + 1]?.place === place,
  }));
}

/** The numbers of a row that a later equation reads, after each equation. */
function keptAfter(inOrder: readonly Node[]): number[] {
  const lastRead = new Map<Tensor, number>();
  inOrder.forEach(({ inputs }, i) => {
    for (const input of inputs) lastRead.set(input, i);
  });
  const kept = new Array<number>(inOrder.length).fill(0);
  inOrder.forEach(({ op, outputs }, i) => {
    if (op.viewOffset) return;
    for (const output of outputs) {
      // Entries of sequences stay with their tile: those of a batch may take much more memory.
      const numbers = entriesOf(output) ? Number.POSITIVE_INFINITY : isRow(output) ? width(output) : 0;
      for (let at = i; at < (lastRead.get(output) ?? 0); at++) kept[at] += numbers;
    }
  });
  return kept;
}

/**
 * The numbers that a rank can send when an equation is done, by its index, but for those that stay on the rank, of all the same
 * share; and the time of updating the weights that they are for.
 */
function sentAfter(
  nodes: readonly Node[],
  inOrder: readonly Node[],
  rows: number,
): Pick<Piece, "sent" | "updates">[] {
  const at = new Map(inOrder.flatMap(({ outputs }, i) => outputs.map((output) => [output, i] as const)));
  const after = inOrder.map(() => ({ sent: 0, updates: 0 }));
  const add = (i: number, sent: number, updates: number) => {
    after[i].sent += sent;
    after[i].updates += updates;
  };
  for (const { op, inputs, attrs } of nodes) {
    const readyAt = Math.max(...inputs.map((input) => at.get(input) ?? -1));
    if (readyAt < 0) continue;
    if (op === EXCHANGES.foldAcross) {
      const weights = inputs.reduce((sum, input) => sum + width(input), 0);
      // The sums of a slice, and then the folded slice.
      add(readyAt, 2 * weights, FLOPS_PER_ELEMENT.updated * weights);
    }
    if (op === EXCHANGES.returnRows || op === EXCHANGES.foldRows) {
      const unique = UNIQUE_ROWS * rows * attrs.poolings.length;
      const numbers = unique * width(inputs[1]);
      add(readyAt, numbers, FLOPS_PER_ROW * unique + FLOPS_PER_ELEMENT.updated * numbers);
    }
  }
  return after;
}

function timeOf(node: Node, rows: number): number {
  const { flops, elements } = costOf(node, rows);
  return flops + FLOPS_PER_ELEMENT.cached * elements.reduce((sum, count) => sum + count, 0);
}

const timeOfAll = (nodes: readonly Node[], rows: number): number =>
  nodes.reduce((sum, node) => sum + timeOf(node, rows), 0);

/** Adds the cut that saves most, as long as it is worth it. */
function bestCuts(pieces: readonly Piece[]): { cuts: number[]; end: number } {
  const total = sumOf(pieces, "time");
  const candidates = candidatesOf(pieces);
  let cuts: number[] = [];
  let end = endOf(pieces, cuts);
  while (candidates.length > 0 && cuts.length < MOST_CUTS) {
    const tries = candidates.map((cut) => [...cuts, cut].sort((a, b) => a - b));
    const ends = tries.map((each) => endOf(pieces, each));
    const best = Math.min(...ends);
    if (best > end - LEAST_GAIN * total) break;
    [end, cuts] = [best, tries[ends.indexOf(best)]];
  }
  return { cuts, end };
}

/** Where enough can be sent, and more only after some time, by the number of pieces before. */
function candidatesOf(pieces: readonly Piece[]): number[] {
  const enough = LEAST_SENT * sumOf(pieces, "sent");
  const long = LEAST_GAIN * sumOf(pieces, "time");
  let ready = 0;
  let time = 0;
  return pieces.flatMap((piece, i) => {
    time = pieces[i - 1]?.sent > 0 ? time + piece.time : 0;
    ready += piece.sent;
    const next = pieces[i + 1];
    const goesOn = next === undefined || piece.isFollowed || (next.sent > 0 && time + next.time < long);
    if (ready === 0 || ready < enough || goesOn) return [];
    ready = 0;
    return [i + 1];
  });
}

/** When all weights are updated, on average. */
function endOf(pieces: readonly Piece[], cuts: readonly number[]): number {
  const rate = sumOf(pieces, "sent") / sumOf(pieces, "time");
  const ends = EXCHANGING.map((share) => endAt(pieces, cuts, rate / share));
  return ends.reduce((sum, end) => sum + end, 0) / ends.length;
}

/** @param rate numbers that are sent in the time of an operation */
function endAt(pieces: readonly Piece[], cuts: readonly number[], rate: number): number {
  const sections: { sent: number; updates: number }[] = [];
  let computed = 0;
  let sent = 0;
  let ready = { sent: 0, updates: 0 };
  pieces.forEach((piece, i) => {
    computed += piece.time;
    ready = { sent: ready.sent + piece.sent, updates: ready.updates + piece.updates };
    const isCut = cuts.includes(i + 1);
    if (!isCut && i + 1 < pieces.length) return;
    if (isCut) computed += piece.cut;
    sent = Math.max(sent, computed) + ready.sent / rate;
    sections.push({ sent, updates: ready.updates });
    ready = { sent: 0, updates: 0 };
  });
  return sections.reduce((end, section) => Math.max(end, section.sent) + section.updates, computed);
}

const sumOf = (pieces: readonly Piece[], key: "time" | "sent"): number =>
  pieces.reduce((sum, piece) => sum + piece[key], 0);
