import { consumers, domainOf, executionOf, type Graph, mutated } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { type Entries, isRow, type Tensor } from "../graph/tensor.js";
import { segmentsOf } from "./segments.js";

/**
 * When an equation runs. Phases follow one another. In each, level 0 processes all tiles: of rows and of the entries of each
 * sequence in turns, all of which a tile takes before the next tile. Levels 1, 2, … work on fixed tensors, or exchange with
 * other ranks. Phase -1 has only fixed levels, for what does not depend on rows.
 */
export interface Position {
  readonly phase: number;
  readonly level: number;
  /** Of level 0; 0 in the others. */
  readonly turn: number;
}

/** An equation, or the combination of a reduction's partial results. */
export type Step =
  | { readonly kind: "node"; readonly node: Node }
  | { readonly kind: "combine"; readonly node: Node };

export interface Stage {
  readonly kind: "tile" | "fixed" | "exchange";
  /** Of a tile stage: the rows of the batch, or the entries of a sequence. */
  readonly domain: Domain;
  /** Tile stages of a phase follow one another. */
  readonly phase: number;
  readonly steps: readonly Step[];
}

type Domain = "B" | Entries;

const START: Position = { phase: -1, level: 0, turn: 0 };

/**
 * Divides a graph into stages so that a thread can process a tile of rows in as few stages as possible: only a row
 * equation that needs the result of a fixed stage (a reduction, as in batch normalization) starts a new phase; the step from
 * rows to entries of a sequence, or back, starts a new turn of the phase. Row equations run with their first reader, so that
 * no larger memory need keep their results. In-place updates run after all readers of the old value; updates that share a
 * changed operand keep graph order.
 */
export function schedule(graph: Graph, { overlap }: ScheduleOptions = {}): Stage[] {
  const later = laterPositions(place(graph, new Map()));
  const timetable = place(graph, later);
  const divided = overlap ? dividedPositions(timetable, overlap.rows) : new Map<Node, Position>();
  const { stages } = divided.size > 0 ? place(graph, new Map([...later, ...divided])) : timetable;
  return [...stages.values()].sort(
    (a, b) => compare(a.position, b.position) || STAGE_ORDER[a.kind] - STAGE_ORDER[b.kind],
  );
}

export interface ScheduleOptions {
  /** Divides the last phase, so that ranks exchange what one part has made while they compute the next. @see segmentsOf */
  readonly overlap?: {
    /** Of a rank. */
    readonly rows: number;
  };
}

/** Of the stages of a level: other ranks wait for an exchange. */
const STAGE_ORDER = { tile: 0, exchange: 1, fixed: 2 };

interface Timetable {
  readonly nodes: readonly Node[];
  readonly uses: ReadonlyMap<Tensor, readonly Node[]>;
  /** The turns of a phase are theirs, one after the other and again. */
  readonly domains: readonly Domain[];
  readonly notBefore: ReadonlyMap<Node, Position>;
  /** When a tensor's value can be read. */
  readonly ready: Map<Tensor, Position>;
  readonly positions: Map<Node, Position>;
  readonly stages: Map<string, Stage & { readonly position: Position; readonly steps: Step[] }>;
}

/** @param notBefore positions of some equations */
function place(graph: Graph, notBefore: ReadonlyMap<Node, Position>): Timetable {
  const timetable: Timetable = {
    nodes: graph.nodes,
    uses: consumers(graph),
    domains: [...new Set(["B" as const, ...graph.nodes.map(domainOf)])],
    notBefore,
    ready: new Map(),
    positions: new Map(),
    stages: new Map(),
  };
  const updates = graph.nodes.filter((node) => mutated(node).length > 0);
  for (const node of graph.nodes) if (mutated(node).length === 0) placeNode(node, timetable);
  placeUpdates(updates, timetable);
  return timetable;
}

/**
 * Where the first readers of row equations are that could run sooner. Inputs are loaded as soon as possible, so that a bad one
 * stops the step before anything is updated.
 */
function laterPositions({ nodes, uses, domains, positions }: Timetable): Map<Node, Position> {
  const later = new Map<Node, Position>();
  const positionOf = (node: Node): Position => later.get(node) ?? positions.get(node)!;
  for (const node of [...nodes].reverse()) {
    const { op, outputs } = node;
    if (executionOf(node) !== "rowwise" || op.viewOffset) continue;
    const own = positionOf(node);
    const readers = outputs.flatMap((output) => readersOf(output, uses)).map(positionOf);
    if (readers.length === 0) continue;
    const first = inTiles(
      readers.reduce((a, b) => (compare(a, b) < 0 ? a : b)),
      own,
      domains,
    );
    if (turnOf(first, domains) === turnOf(own, domains)) later.set(node, first);
  }
  return later;
}

/** The first turn of the domain of `own` in the phase of a position, if that is one of a fixed stage of a later phase. */
function inTiles(position: Position, own: Position, domains: readonly Domain[]): Position {
  if (position.level === 0) return position;
  if (position.phase === own.phase) return own;
  return { phase: position.phase, level: 0, turn: turnOf(own, domains) };
}

/**
 * Positions of the equations of the last phase of tiles, each segment of which becomes a phase, and of those after it: all
 * updates run in the end, as one that waits for an exchange would hold up the segments after it. First those that do not need
 * what the last two segments have sent, which is still on its way, and last those that need what the last one has sent.
 */
function dividedPositions({ nodes, uses, positions }: Timetable, rows: number): Map<Node, Position> {
  const inTilesOf = [...positions].filter(
    ([node, { level }]) => level === 0 && executionOf(node) !== "source",
  );
  const phase = Math.max(...inTilesOf.map(([, position]) => position.phase));
  const inPhase = inTilesOf.filter(([, position]) => position.phase === phase);
  const inOrder = inPhase.sort(([, a], [, b]) => a.turn - b.turn).map(([node]) => node);
  const segments = segmentsOf(nodes, inOrder, rows);
  const divided = new Map<Node, Position>();
  for (const [node, segment] of segments) divided.set(node, { phase: phase + segment, level: 0, turn: 0 });
  const last = Math.max(0, ...segments.values());
  const latest = latestSegments(nodes, segments);
  const needed = neededByTiles(nodes, uses, positions);
  for (const node of nodes) {
    const sinks = positions.get(node)!.phase >= phase && !runsInTiles(node) && !needed.has(node);
    const level = 1 + Math.max(0, latest.get(node)! - (last - 2));
    if (sinks && executionOf(node) !== "exchange") divided.set(node, { phase: phase + last, level, turn: 0 });
  }
  return divided;
}

/** The last segment of which each equation needs a result, directly or through others. */
function latestSegments(nodes: readonly Node[], segments: ReadonlyMap<Node, number>): Map<Node, number> {
  const of = new Map<Tensor, number>();
  return new Map(
    nodes.map((node) => {
      const latest = Math.max(segments.get(node) ?? 0, ...node.inputs.map((input) => of.get(input) ?? 0));
      for (const output of node.outputs) of.set(output, latest);
      return [node, latest];
    }),
  );
}

/** The equations whose results an equation in tiles needs, directly or through others. */
function neededByTiles(
  nodes: readonly Node[],
  uses: ReadonlyMap<Tensor, readonly Node[]>,
  positions: ReadonlyMap<Node, Position>,
): Set<Node> {
  const needed = new Set<Node>();
  for (const node of [...nodes].reverse()) {
    const readers = node.outputs.flatMap((output) => uses.get(output) ?? []);
    const isNeeded = readers.some((reader) => needed.has(reader) || positions.get(reader)?.level === 0);
    if (isNeeded) needed.add(node);
  }
  return needed;
}

/** Places an equation that changes no operand. Views and bound memory have no step. */
function placeNode(node: Node, timetable: Timetable): void {
  const { ready, positions } = timetable;
  const position = runsInTiles(node) ? rowPosition(node, timetable) : commonPosition(node, timetable);
  const combines = executionOf(node) === "reduces" && !isFoldedLater(node, timetable.uses);
  const done = combines ? next(position) : readyPosition(node, ready, position);
  positions.set(node, position);
  for (const output of node.outputs) ready.set(output, done);
  if (isBound(node) || node.op.viewOffset) return;
  addStep(timetable, position, { kind: "node", node });
  if (combines) addStep(timetable, done, { kind: "combine", node });
}

/** True if equations fold the partial results of a reduction, so that none are combined after it. */
export function isFoldedLater({ outputs }: Node, uses: ReadonlyMap<Tensor, readonly Node[]>): boolean {
  const readers = outputs.flatMap((output) => uses.get(output) ?? []);
  return readers.length > 0 && readers.every(({ op }) => op.folds);
}

/** Places in-place updates, in graph order. */
function placeUpdates(updates: readonly Node[], timetable: Timetable): void {
  const { uses, positions } = timetable;
  const changed = new Map<Tensor, Position>();
  for (const node of updates) {
    const readers = mutated(node).flatMap((tensor) => readersOf(tensor, uses));
    const read = readers.flatMap((reader) => (reader === node ? [] : (positions.get(reader) ?? [])));
    const written = node.inputs.flatMap((tensor) => changed.get(tensor) ?? []);
    const position = [fixedPosition(node, timetable), ...[...read, ...written].map(next)].reduce(later);
    addStep(timetable, position, { kind: "node", node });
    positions.set(node, position);
    for (const tensor of mutated(node)) changed.set(tensor, position);
  }
}

function addStep({ stages, domains }: Timetable, position: Position, step: Step): void {
  const exchanges = step.kind === "node" && step.node.op.execution === "exchange";
  const kind = position.level === 0 ? "tile" : exchanges ? "exchange" : "fixed";
  const { phase, level, turn } = position;
  const key = `${phase}.${level}.${turn}.${kind}`;
  const domain = domains[turnOf(position, domains)];
  const stage = stages.get(key) ?? { kind, domain, phase, position, steps: [] };
  stage.steps.push(step);
  stages.set(key, stage);
}

/** Memory that the caller binds before the first stage. */
function isBound(node: Node): boolean {
  return executionOf(node) === "source" && !isRow(node.outputs[0]);
}

/** True if an equation processes a batch tile by tile; others run in fixed stages. */
function runsInTiles(node: Node): boolean {
  return ["source", "rowwise", "reduces"].includes(executionOf(node));
}

/** The equations that read a tensor's memory, directly or through views. */
function readersOf(tensor: Tensor, uses: ReadonlyMap<Tensor, readonly Node[]>): Node[] {
  return (uses.get(tensor) ?? []).flatMap((node) =>
    node.op.viewOffset ? readersOf(node.outputs[0], uses) : [node],
  );
}

/**
 * A row equation waits for the turn of its rows. It also waits for the phase after a fixed stage that makes an
 * operand: a fixed tensor, or rows that depend on the whole batch. What turns of other domains make, it finds in a later
 * one of its own, and so rows that are complete after all tiles of their entries.
 */
function rowPosition(node: Node, { ready, domains, notBefore }: Timetable): Position {
  const waits = node.inputs.map((input): Position => {
    const position = ready.get(input)!;
    if (position === START) return FIRST;
    if (position.level > 0) return { phase: position.phase + 1, level: 0, turn: 0 };
    const same = input.shape[0] === domains[turnOf(position, domains)];
    return same ? position : { ...position, turn: position.turn + 1 };
  });
  const { phase, turn } = waits.reduce(later, notBefore.get(node) ?? FIRST);
  const wait = domains.indexOf(domainOf(node)) - (turn % domains.length);
  return { phase, level: 0, turn: turn + (wait < 0 ? wait + domains.length : wait) };
}

const FIRST: Position = { phase: 0, level: 0, turn: 0 };

/** The domain whose turn a position is, by its index. */
function turnOf({ turn }: Position, domains: readonly Domain[]): number {
  return turn % domains.length;
}

/** A fixed equation runs one level after its latest operand. */
function fixedPosition(node: Node, { ready, notBefore }: Timetable): Position {
  const first = notBefore.get(node) ?? next(START);
  return node.inputs.map((input) => next(ready.get(input)!)).reduce(later, first);
}

/** Equations that run together wait for the latest of them. */
function commonPosition(node: Node, timetable: Timetable): Position {
  const { together } = node.op;
  const all = together ? timetable.nodes.filter(({ op }) => op.together === together) : [node];
  return all.map((each) => fixedPosition(each, timetable)).reduce(later);
}

/** When the results of an equation at `position` can be read. */
function readyPosition(node: Node, ready: Map<Tensor, Position>, position: Position): Position {
  if (isBound(node)) return START;
  if (node.op.viewOffset) return isRow(node.outputs[0]) ? position : ready.get(node.inputs[0])!;
  return position;
}

function next({ phase, level }: Position): Position {
  return { phase, level: level + 1, turn: 0 };
}

function later(a: Position, b: Position): Position {
  return compare(a, b) >= 0 ? a : b;
}

function compare(a: Position, b: Position): number {
  return a.phase - b.phase || a.level - b.level || a.turn - b.turn;
}
