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
/** Operations on numbers in registers, in the time that a number takes from the cache, or to memory and back. */
const FLOPS_PER_ELEMENT = { cached: 4, kept: 40 };
/** Exchanging takes this share of the time of computing: cuts should do for all of these. */
const EXCHANGING = [0.25, 0.5, 1];
/** Of the rows that samples name, those that are different and belong to another rank. A guess: it only places cuts. */
const SENT_ROWS = 0.5;

/**
 * Divides the equations of a phase of tiles into segments that ranks compute one after the other. While they compute one,
 * they exchange what the ones before it have made: the rows of tables while they compute what does not need them, and
 * then the gradients of weights and rows, in the order in which these are complete. Cuts are where a step ends soonest, on
 * average over exchanges that take a part, or all, of the time of computing.
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
  const rest = reductionsFirst(inOrder.filter((node) => dependent.has(node)));
  const pieces = piecesOf(nodes, rest, rows);
  const cuts = bestCuts(pieces);
  const beforeRows = sumOf(piecesOf(nodes, early, rows), "time");
  const first = Number(beforeRows > LEAST_GAIN * sumOf(pieces, "time"));
  const segments = new Map(early.map((node) => [node, 0]));
  rest.forEach((node, i) => void segments.set(node, first + cuts.filter((cut) => cut <= i).length));
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

/** The same order, but for reductions directly after what they read: sooner sent, and what else reads it is in the next segment. */
function reductionsFirst(inOrder: readonly Node[]): Node[] {
  const at = new Map(inOrder.flatMap(({ outputs }, i) => outputs.map((output) => [output, i] as const)));
  const placeOf = (node: Node, i: number): number =>
    executionOf(node) === "reduces"
      ? Math.max(-1, ...node.inputs.map((input) => at.get(input) ?? -1)) + 0.5
      : i;
  const placed = inOrder.map((node, i) => [placeOf(node, i), node] as const);
  return placed.sort(([a], [b]) => a - b).map(([, node]) => node);
}

/** An equation's time, the numbers that can be sent after it, and the time that a cut after it costs. */
interface Piece {
  readonly time: number;
  readonly sent: number;
  readonly cut: number;
  /** Whether another reduction follows, for which a cut should wait. */
  readonly isFollowed: boolean;
}

function piecesOf(nodes: readonly Node[], inOrder: readonly Node[], rows: number): Piece[] {
  const sent = sentAfter(nodes, inOrder, rows);
  const kept = keptAfter(inOrder);
  return inOrder.map((node, i) => ({
    time: timeOf(node, rows),
    sent: sent[i],
    cut: FLOPS_PER_ELEMENT.kept * rows * kept[i],
    isFollowed: i + 1 < inOrder.length && executionOf(inOrder[i + 1]) === "reduces",
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

/** The numbers that a rank can send when an equation is done, by its index. */
function sentAfter(nodes: readonly Node[], inOrder: readonly Node[], rows: number): number[] {
  const at = new Map(inOrder.flatMap(({ outputs }, i) => outputs.map((output) => [output, i] as const)));
  const sent = new Array<number>(inOrder.length).fill(0);
  for (const { op, inputs, attrs } of nodes) {
    const readyAt = Math.max(...inputs.map((input) => at.get(input) ?? -1));
    if (readyAt < 0) continue;
    // The sums of a slice, and then the folded slice.
    if (op === EXCHANGES.foldAcross)
      sent[readyAt] += 2 * inputs.reduce((sum, input) => sum + width(input), 0);
    if (op === EXCHANGES.returnRows || op === EXCHANGES.foldRows) {
      const dim = width(inputs[1]);
      sent[readyAt] += SENT_ROWS * rows * dim * attrs.poolings.length;
    }
  }
  return sent;
}

function timeOf(node: Node, rows: number): number {
  const { flops, elements } = costOf(node, rows);
  return flops + FLOPS_PER_ELEMENT.cached * elements.reduce((sum, count) => sum + count, 0);
}

/** Adds the cut that saves most, as long as it is worth it. */
function bestCuts(pieces: readonly Piece[]): number[] {
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
  return cuts;
}

/** Where enough can be sent, by the number of pieces before. */
function candidatesOf(pieces: readonly Piece[]): number[] {
  const enough = LEAST_SENT * sumOf(pieces, "sent");
  let ready = 0;
  return pieces.flatMap(({ sent, isFollowed }, i) => {
    ready += sent;
    if (ready === 0 || ready < enough || isFollowed || i + 1 === pieces.length) return [];
    ready = 0;
    return [i + 1];
  });
}

/** When all is computed and sent, on average. */
function endOf(pieces: readonly Piece[], cuts: readonly number[]): number {
  const rate = sumOf(pieces, "sent") / sumOf(pieces, "time");
  const ends = EXCHANGING.map((share) => endAt(pieces, cuts, rate / share));
  return ends.reduce((sum, end) => sum + end, 0) / ends.length;
}

/** @param rate numbers that are sent in the time of an operation */
function endAt(pieces: readonly Piece[], cuts: readonly number[], rate: number): number {
  let computed = 0;
  let sent = 0;
  let ready = 0;
  pieces.forEach((piece, i) => {
    computed += piece.time;
    ready += piece.sent;
    const isCut = cuts.includes(i + 1);
    if (!isCut && i + 1 < pieces.length) return;
    if (isCut) computed += piece.cut;
    sent = Math.max(sent, computed) + ready / rate;
    ready = 0;
  });
  return sent;
}

const sumOf = (pieces: readonly Piece[], key: "time" | "sent"): number =>
  pieces.reduce((sum, piece) => sum + piece[key], 0);
