import { executionOf, type Graph, producers } from "../graph/graph.js";
import { type DType, innerDims, isBag, isRow, type Tensor, width } from "../graph/tensor.js";
import { align, layOut } from "./arena.js";
import { type Life, livesOf, type Span } from "./lifetimes.js";
import { type Place, placeTensors } from "./places.js";
import { type Stage, schedule } from "./schedule.js";

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
  /** Tiles that a thread may take through a stage together. */
  readonly tilesAtOnce: number;
  /** Offsets of buffers, and wide rows, are multiples of this many elements. */
  readonly alignment: number;
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

/**
 * Gives every tensor a view of a buffer. Slices and reshapes are views of their operand; the parts of a concatenation
 * are written into it by their producers; row tensors that one tile stage makes and uses live in the thread's tile
 * arena, the others in the batch arena; memory is shared by tensors whose lives do not meet.
 */
export function planMemory(graph: Graph, options: PlanOptions): Plan {
  const stages = schedule(graph);
  const places = placeTensors(graph);
  const lives = livesOf(graph, stages, places);
  const roots = rootsBySpace(graph, places, lives);

  const stagesOf = (root: Tensor): Span => lives.get(root)!.stages;
  const instructionsOf = (root: Tensor): Span => lives.get(root)!.instructions;
  const bound = boundBuffers(graph, roots.bound);
  const { maxBatch, tileRows, tilesAtOnce, alignment } = options;
  const fixed = layOutSpace("fixed", roots.fixed, 1, stagesOf, alignment);
  const tile = layOutSpace("tile", roots.tile, tileRows * tilesAtOnce, instructionsOf, alignment);
  const batch = layOutSpace("batch", roots.batch, maxBatch, stagesOf, alignment);
  const partial = partialBuffers(graph, roots.fixed, alignment);

  const spaces = [bound, fixed.buffers, tile.buffers, batch.buffers];
  return {
    ...options,
    graph,
    stages,
    buffers: [...spaces, partial.buffers].flatMap((buffers) => [...buffers.values()]),
    arenas: { fixed: fixed.size, partial: partial.size, tile: tile.size, batch: batch.size },
    views: viewsOf(places, new Map(spaces.flatMap((buffers) => [...buffers]))),
    partials: partialViews(partial.buffers),
  };
}

/** The tensors with memory of their own, by where that lies; parameters and scalars are bound by the caller. */
interface Roots {
  readonly bound: readonly Tensor[];
  readonly fixed: readonly Tensor[];
  readonly tile: readonly Tensor[];
  readonly batch: readonly Tensor[];
}

function rootsBySpace(
  graph: Graph,
  places: ReadonlyMap<Tensor, Place>,
  lives: ReadonlyMap<Tensor, Life>,
): Roots {
  const made = producers(graph);
  const roots: Record<keyof Roots, Tensor[]> = { bound: [], fixed: [], tile: [], batch: [] };
  for (const root of new Set([...places.values()].map((place) => place.root))) {
    const { op } = made.get(root)!;
    const { first, last } = lives.get(root)!.stages;
    const ofTile = first === last && op.execution !== "batch";
    if (op.binds === "parameter" || op.binds === "scalar") roots.bound.push(root);
    else if (!isRow(root)) roots.fixed.push(root);
    else roots[ofTile ? "tile" : "batch"].push(root);
  }
  return roots;
}

function boundBuffers(graph: Graph, roots: readonly Tensor[]): Map<Tensor, Buffer> {
  const made = producers(graph);
  const bufferOf = (root: Tensor): Buffer => {
    const { op, attrs } = made.get(root)!;
    const space = op.binds === "parameter" ? "parameter" : "scalar";
    return { space, dtype: root.dtype, width: width(root), offset: 0, name: attrs.name };
  };
  return new Map(roots.map((root) => [root, bufferOf(root)]));
}

interface Laid {
  readonly buffers: Map<Tensor, Buffer>;
  /** Elements of the arena. */
  readonly size: number;
}

function layOutSpace(
  space: "fixed" | "tile" | "batch",
  roots: readonly Tensor[],
  rows: number,
  spanOf: (root: Tensor) => Span,
  alignment: number,
): Laid {
  const widthOf = (root: Tensor): number => rowWidth(root, alignment);
  const tenants = roots.map((root) => ({ size: rows * widthOf(root), ...spanOf(root) }));
  const { offsets, size } = layOut(tenants, alignment);
  const bufferOf = (root: Tensor, i: number): Buffer => {
    return { space, dtype: root.dtype, width: widthOf(root), offset: offsets[i], name: "" };
  };
  return { buffers: new Map(roots.map((root, i) => [root, bufferOf(root, i)])), size };
}

/** The partial results of the reductions, which live side by side. */
function partialBuffers(graph: Graph, roots: readonly Tensor[], alignment: number): Laid {
  const made = producers(graph);
  const buffers = new Map<Tensor, Buffer>();
  let size = 0;
  for (const root of roots) {
    if (executionOf(made.get(root)!) !== "reduces") continue;
    buffers.set(root, { space: "partial", dtype: "fp32", width: width(root), offset: size, name: "" });
    size += align(width(root), alignment);
  }
  return { buffers, size };
}

function viewsOf(
  places: ReadonlyMap<Tensor, Place>,
  buffers: ReadonlyMap<Tensor, Buffer>,
): Map<Tensor, View> {
  const viewOf = (tensor: Tensor, { root, offset }: Place): View => {
    return { buffer: buffers.get(root)!, offset, dims: dimsOf(tensor) };
  };
  return new Map([...places].map(([tensor, place]) => [tensor, viewOf(tensor, place)]));
}

function partialViews(buffers: ReadonlyMap<Tensor, Buffer>): Map<Tensor, View> {
  return new Map(
    [...buffers].map(([tensor, buffer]) => [tensor, { buffer, offset: 0, dims: dimsOf(tensor) }]),
  );
}

/** An id or bag takes one column; see `rowWidth` for the room. */
function dimsOf(tensor: Tensor): readonly number[] {
  const dims = innerDims(tensor);
  return dims.length > 0 ? dims : [1];
}

/**
 * Rows that are a multiple of 2 KiB apart fall into one or two sets of the first-level cache, which then holds fewer
 * of them than a matrix product reads side by side: one line more spreads them.
 */
const SAME_SET = 2048 / Float32Array.BYTES_PER_ELEMENT;

/**
 * Elements a row of a buffer. Wide rows are padded to whole cache lines, so that every row of every tile starts
 * aligned; a bag takes 24 bytes.
 */
function rowWidth(root: Tensor, alignment: number): number {
  if (isBag(root.dtype)) return 6;
  if (root.dtype === "id64") return 2;
  const elements = width(root);
  if (!isRow(root) || elements <= alignment) return elements;
  const padded = align(elements, alignment);
  return padded % SAME_SET === 0 ? padded + alignment : padded;
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
