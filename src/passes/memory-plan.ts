import { executionOf, type Graph, producers } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { type DType, innerDims, isRow, type Tensor, width } from "../graph/tensor.js";
import { concat, slice } from "../ops/concat.js";
import { parameter, scalar } from "../ops/sources.js";
import { ALIGNMENT, layOut } from "./arena.js";
import { type Stage, type Step, schedule } from "./schedule.js";
import { VIEW_OPS } from "./views.js";

/** Where a buffer lives; see docs/design/program-format.md. */
export type Space = "parameter" | "scalar" | "fixed" | "partial" | "tile" | "batch";

export interface Buffer {
  readonly space: Space;
  readonly dtype: DType;
  /** Elements a row (tile, batch) or in all. */
  readonly width: number;
  readonly offset: number;
  /** Parameters and scalars. */
  readonly name: string;
}

export interface View {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly dims: readonly number[];
}

export interface PlanOptions {
  /** The largest batch that the program can run. */
  readonly maxBatch: number;
  readonly tileRows: number;
  /** Accumulation groups of a reduction: at most so many partial results. */
  readonly groups: number;
}

export interface Plan extends PlanOptions {
  readonly stages: readonly Stage[];
  readonly buffers: readonly Buffer[];
  readonly arenas: Readonly<Record<"fixed" | "partial" | "tile" | "batch", number>>;
  /** Where each tensor is. */
  readonly views: ReadonlyMap<Tensor, View>;
  /** Where each reduction leaves its partial results, by the tensor they fold into. */
  readonly partials: ReadonlyMap<Tensor, View>;
  readonly graph: Graph;
}

/** A place in a root tensor's memory. */
interface Place {
  readonly root: Tensor;
  readonly offset: number;
}

interface Life {
  first: number;
  last: number;
  /** The stages that touch it. */
  readonly stages: Set<number>;
}

/**
 * Gives every tensor a view of a buffer. Slices and reshapes are views of their operand; the parts of a concatenation
 * are written into it by their producers; row tensors that one tile stage makes and uses live in the thread's tile
 * arena, the others in the batch arena; memory is shared by tensors whose lives do not meet.
 */
export function planMemory(graph: Graph, options: PlanOptions): Plan {
  const stages = schedule(graph);
  const places = placeTensors(graph);
  const lives = livesOf(graph, stages, places);
  const outputs = new Set([...graph.outputs.values()].map((tensor) => places.get(tensor)!.root));
  const made = producers(graph);

  const buffers: Buffer[] = [];
  const arenas = { fixed: 0, partial: 0, tile: 0, batch: 0 };
  const bufferOf = new Map<Tensor, Buffer>();
  const add = (key: Tensor, buffer: Buffer, to = bufferOf): void => {
    buffers.push(buffer);
    to.set(key, buffer);
  };

  const arena = (
    space: "fixed" | "tile" | "batch",
    roots: Tensor[],
    rows: number,
    instructionTime: boolean,
  ): void => {
    const tenants = roots.map((root) => {
      const { first, last, stages: touched } = lives.get(root)!;
      const end = outputs.has(root) ? Number.POSITIVE_INFINITY : 0;
      const span = instructionTime
        ? { first, last }
        : { first: Math.min(...touched), last: Math.max(...touched) };
      return { size: rows * rowWidth(root), first: span.first, last: Math.max(span.last, end) };
    });
    const { offsets, size } = layOut(tenants);
    arenas[space] = size;
    roots.forEach((root, i) => {
      add(root, { space, dtype: root.dtype, width: rowWidth(root), offset: offsets[i], name: "" });
    });
  };

  const roots = [...new Set([...places.values()].map((place) => place.root))];
  const isLocal = (root: Tensor): boolean => lives.get(root)!.stages.size === 1 && !outputs.has(root);
  for (const root of roots) {
    const node = made.get(root)!;
    if (node.op !== parameter && node.op !== scalar) continue;
    add(root, {
      space: node.op === parameter ? "parameter" : "scalar",
      dtype: root.dtype,
      width: width(root),
      offset: 0,
      name: node.attrs.name,
    });
  }
  const computed = roots.filter((root) => !bufferOf.has(root));
  arena(
    "fixed",
    computed.filter((root) => !isRow(root)),
    1,
    false,
  );
  arena(
    "tile",
    computed.filter((root) => isRow(root) && isLocal(root)),
    options.tileRows,
    true,
  );
  arena(
    "batch",
    computed.filter((root) => isRow(root) && !isLocal(root)),
    options.maxBatch,
    false,
  );

  const partialBuffers = new Map<Tensor, Buffer>();
  for (const root of computed) {
    if (executionOf(made.get(root)!) !== "reduces") continue;
    add(
      root,
      { space: "partial", dtype: "f32", width: width(root), offset: arenas.partial, name: "" },
      partialBuffers,
    );
    arenas.partial += Math.ceil(width(root) / ALIGNMENT) * ALIGNMENT;
  }

  const views = new Map<Tensor, View>();
  for (const [tensor, { root, offset }] of places) {
    views.set(tensor, { buffer: bufferOf.get(root)!, offset, dims: dimsOf(tensor) });
  }
  const partials = new Map<Tensor, View>();
  for (const [tensor, buffer] of partialBuffers)
    partials.set(tensor, { buffer, offset: 0, dims: dimsOf(tensor) });
  return { ...options, stages, buffers, arenas, views, partials, graph };
}

/** An id or bag takes one column; see `rowWidth` for the room. */
function dimsOf(tensor: Tensor): readonly number[] {
  const dims = innerDims(tensor);
  return dims.length > 0 ? dims : [1];
}

/**
 * Elements a row of a buffer. Wide rows are padded to whole cache lines, so that every row of every tile starts
 * aligned; a bag takes 24 bytes.
 */
function rowWidth(root: Tensor): number {
  if (root.dtype === "bag") return 6;
  const elements = width(root);
  if (!isRow(root) || elements <= ALIGNMENT) return elements;
  const padded = Math.ceil(elements / ALIGNMENT) * ALIGNMENT;
  return padded % SAME_SET === 0 ? padded + ALIGNMENT : padded;
}

/**
 * Rows that are a multiple of 2 KiB apart fall into one or two sets of the first-level cache, which then holds fewer
 * of them than a matrix product reads side by side: one line more spreads them.
 */
const SAME_SET = 2048 / Float32Array.BYTES_PER_ELEMENT;

/** Which memory each tensor shows: its own, its operand's (views), or a concatenation's (its parts). */
function placeTensors(graph: Graph): Map<Tensor, Place> {
  const places = new Map<Tensor, Place>();
  const movedInto = new Map<Tensor, Place>();
  for (const node of graph.nodes) {
    if (VIEW_OPS.has(node.op)) places.set(node.outputs[0], viewPlace(node, places));
    else for (const output of node.outputs) places.set(output, { root: output, offset: 0 });
    if (node.op === concat) placeParts(node, places, movedInto, graph);
  }
  // A root that moved takes along everything that shows it; a concatenation may itself be a part of another.
  const settle = ({ root, offset }: Place): Place => {
    const target = movedInto.get(root);
    return target ? settle({ root: target.root, offset: target.offset + offset }) : { root, offset };
  };
  return new Map([...places].map(([tensor, place]) => [tensor, settle(place)]));
}

function viewPlace(node: Node, places: Map<Tensor, Place>): Place {
  const [input] = node.inputs;
  const { root, offset } = places.get(input)!;
  if (node.op !== slice) return { root, offset };
  const rest = innerDims(input)
    .slice(1)
    .reduce((product, dim) => product * dim, 1);
  return { root, offset: offset + node.attrs.start * rest };
}

/** Moves each part that has memory of its own, all of which it fills, into the concatenation's. */
function placeParts(
  node: Node,
  places: Map<Tensor, Place>,
  movedInto: Map<Tensor, Place>,
  graph: Graph,
): void {
  let offset = 0;
  const outputs = new Set(graph.outputs.values());
  for (const part of node.inputs) {
    const { root } = places.get(part)!;
    const whole = width(part) === width(root);
    if (whole && isRow(root) && !movedInto.has(root) && !outputs.has(root)) {
      movedInto.set(root, { root: node.outputs[0], offset });
    }
    offset += width(part);
  }
}

/** The parts of a concatenation that were not written in place and have to be copied. */
export function isInPlace(
  part: Tensor,
  result: Tensor,
  offset: number,
  views: ReadonlyMap<Tensor, View>,
): boolean {
  const from = views.get(part)!;
  const to = views.get(result)!;
  return from.buffer === to.buffer && from.offset === to.offset + offset;
}

/** When each root is first written and last read, in instructions and in stages. */
function livesOf(graph: Graph, stages: readonly Stage[], places: Map<Tensor, Place>): Map<Tensor, Life> {
  const lives = new Map<Tensor, Life>();
  const touch = (tensor: Tensor, time: number, stage: number): void => {
    const { root } = places.get(tensor)!;
    const life = lives.get(root) ?? { first: time, last: time, stages: new Set() };
    life.first = Math.min(life.first, time);
    life.last = Math.max(life.last, time);
    life.stages.add(stage);
    lives.set(root, life);
  };
  let time = 0;
  stages.forEach(({ steps }, stage) => {
    for (const step of steps) {
      for (const tensor of touchedBy(step)) touch(tensor, time, stage);
      time++;
    }
  });
  for (const tensor of graph.outputs.values()) touch(tensor, time, stages.length);
  for (const node of graph.nodes) {
    if (executionOf(node) === "source" && !isRow(node.outputs[0])) touch(node.outputs[0], 0, 0);
  }
  return lives;
}

function touchedBy({ kind, node }: Step): readonly Tensor[] {
  if (kind === "combine") return node.outputs;
  return executionOf(node) === "reduces" ? node.inputs : [...node.inputs, ...node.outputs];
}
