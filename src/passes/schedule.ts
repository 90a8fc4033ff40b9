import { consumers, domainOf, executionOf, type Graph, mutated } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { type Entries, isRow, type Tensor } from "../graph/tensor.js";

/**
 * When an equation runs. Phases follow one another. In each, level 0 processes all tiles of rows, or of the entries of one
 * sequence, and levels 1, 2, … work on fixed tensors, or exchange with other ranks. Phase -1 has only fixed levels, for what
 * does not depend on rows.
 */
export interface Position {
  readonly phase: number;
  readonly level: number;
}

/** An equation, or the combination of a reduction's partial results. */
export type Step =
  | { readonly kind: "node"; readonly node: Node }
  | { readonly kind: "combine"; readonly node: Node };

export interface Stage {
  readonly kind: "tile" | "fixed" | "exchange";
  /** Of a tile stage: the rows of the batch, or the entries of a sequence. */
  readonly domain: Domain;
  readonly steps: readonly Step[];
}

type Domain = "B" | Entries;

const START: Position = { phase: -1, level: 0 };

/**
 * Divides a graph into stages so that a thread can process a tile of rows in as few stages as possible: only a row
 * equation that needs the result of a fixed stage (a reduction, as in batch normalization) starts a new phase, and so does
 * the step from rows to entries of a sequence, or back. Row equations run in the phase of their first reader, so that the
 * batch space need not keep their results. In-place updates run after all readers of the old value; updates that share a
 * changed operand keep graph order.
 */
export function schedule(graph: Graph): Stage[] {
  const soonest = place(graph, new Map());
  return [...place(graph, laterPhases(soonest)).stages.values()].sort(
    (a, b) =>
      a.position.phase - b.position.phase ||
      a.position.level - b.position.level ||
      STAGE_ORDER[a.kind] - STAGE_ORDER[b.kind],
  );
}

/** Of the stages of a level: other ranks wait for an exchange. */
const STAGE_ORDER = { tile: 0, exchange: 1, fixed: 2 };

interface Timetable {
  readonly nodes: readonly Node[];
  readonly uses: ReadonlyMap<Tensor, readonly Node[]>;
  /** Phases take turns among them. */
  readonly domains: readonly Domain[];
  readonly notBefore: ReadonlyMap<Node, number>;
  /** When a tensor's value can be read. */
  readonly ready: Map<Tensor, Position>;
  readonly positions: Map<Node, Position>;
  readonly stages: Map<string, Stage & { readonly position: Position; readonly steps: Step[] }>;
}

/** @param notBefore phases of some row equations */
function place(graph: Graph, notBefore: ReadonlyMap<Node, number>): Timetable {
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
 * The phases of the first readers of row equations that could run in an earlier one. Inputs are loaded as soon as possible, so
 * that a bad one stops the step before anything is updated.
 */
function laterPhases({ nodes, uses, domains, positions }: Timetable): Map<Node, number> {
  const phases = new Map<Node, number>();
  const phaseOf = (node: Node): number => phases.get(node) ?? positions.get(node)!.phase;
  for (const node of [...nodes].reverse()) {
    const { op, outputs } = node;
    if (executionOf(node) !== "rowwise" || op.viewOffset) continue;
    const readers = outputs.flatMap((output) => readersOf(output, uses));
    if (readers.length === 0) continue;
    const first = Math.min(...readers.map(phaseOf));
    if (turnOf(first, domains) === turnOf(phaseOf(node), domains)) phases.set(node, first);
  }
  return phases;
}

/** Places an equation that changes no operand. Views and bound memory have no step. */
function placeNode(node: Node, timetable: Timetable): void {
  const { ready, positions } = timetable;
  const position = runsInTiles(node) ? rowPosition(node, timetable) : commonPosition(node, timetable);
  const combines = executionOf(node) === "reduces" && !isFoldedLater(node, timetable.uses);
  const done = combines ? { phase: position.phase, level: 1 } : readyPosition(node, ready, position);
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
  const { uses, ready, positions } = timetable;
  const changed = new Map<Tensor, Position>();
  for (const node of updates) {
    const readers = mutated(node).flatMap((tensor) => readersOf(tensor, uses));
    const read = readers.flatMap((reader) => (reader === node ? [] : (positions.get(reader) ?? [])));
    const written = node.inputs.flatMap((tensor) => changed.get(tensor) ?? []);
    const position = [fixedPosition(node, ready), ...[...read, ...written].map(next)].reduce(later);
    addStep(timetable, position, { kind: "node", node });
    positions.set(node, position);
    for (const tensor of mutated(node)) changed.set(tensor, position);
  }
}

function addStep({ stages, domains }: Timetable, position: Position, step: Step): void {
  const exchanges = step.kind === "node" && step.node.op.execution === "exchange";
  const kind = position.level === 0 ? "tile" : exchanges ? "exchange" : "fixed";
  const key = `${position.phase}.${position.level}.${kind}`;
  const domain = domains[turnOf(position.phase, domains)];
  const stage = stages.get(key) ?? { kind, domain, position, steps: [] };
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
 * A row equation waits for the phase of its rows. It also waits for the phase after a fixed stage that makes an
 * operand: a fixed tensor, or rows that depend on the whole batch. What phases of other domains make, it finds in a later
 * one of its own, and so rows that are complete after all tiles of their entries.
 */
function rowPosition(node: Node, { ready, domains, notBefore }: Timetable): Position {
  const phases = node.inputs.map((input) => {
    const position = ready.get(input)!;
    const inTiles = position.level === 0 && input.shape[0] === domains[turnOf(position.phase, domains)];
    return position === START || inTiles ? position.phase : position.phase + 1;
  });
  const phase = Math.max(notBefore.get(node) ?? 0, ...phases);
  const wait = domains.indexOf(domainOf(node)) - turnOf(phase, domains);
  return { phase: phase + (wait < 0 ? wait + domains.length : wait), level: 0 };
}

/** The domain whose turn a phase is, by its index. */
function turnOf(phase: number, domains: readonly Domain[]): number {
  return Math.max(0, phase) % domains.length;
}

/** A fixed equation runs one level after its latest operand. */
function fixedPosition(node: Node, ready: Map<Tensor, Position>): Position {
  return node.inputs.map((input) => next(ready.get(input)!)).reduce(later, next(START));
}

/** Equations that run together wait for the latest of them. */
function commonPosition(node: Node, { nodes, ready }: Timetable): Position {
  const { together } = node.op;
  const all = together ? nodes.filter(({ op }) => op.together === together) : [node];
  return all.map((each) => fixedPosition(each, ready)).reduce(later);
}

/** When the results of an equation at `position` can be read. */
function readyPosition(node: Node, ready: Map<Tensor, Position>, position: Position): Position {
  if (isBound(node)) return START;
  if (node.op.viewOffset) return isRow(node.outputs[0]) ? position : ready.get(node.inputs[0])!;
  return position;
}

function next({ phase, level }: Position): Position {
  return { phase, level: level + 1 };
}

function later(a: Position, b: Position): Position {
  return a.phase > b.phase || (a.phase === b.phase && a.level >= b.level) ? a : b;
}
