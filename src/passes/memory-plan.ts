import { executionOf, type Graph, producers } from "../graph/graph.js";
import type { Space } from "../graph/space.js";
import {
  type DType,
  type Entries,
  entriesOf,
  innerDims,
  isBag,
  isRow,
  type Tensor,
  width,
} from "../graph/tensor.js";
import { align, layOut } from "./arena.js";
import { type Life, livesOf, type Span } from "./lifetimes.js";
import { type Place, placeTensors } from "./places.js";
import { type ScheduleOptions, type Stage, schedule } from "./schedule.js";

export interface Buffer {
  readonly space: Space;
  readonly dtype: DType;
  /** Elements per row (tile, batch), per entry (entries, tileEntries) or in total. */
  readonly width: number;
  readonly offset: number;
  /** Of parameters and scalars; of entries, the sequence's. */
  readonly name: string;
}

export interface View {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly dims: readonly number[];
}

export interface PlanOptions extends ScheduleOptions {
  /** Maximum batch size of the program. */
  readonly maxBatch: number;
  readonly tileRows: number;
  /** Accumulation groups of a reduction: the maximum number of partial results. */
  readonly groups: number;
  /** Tiles that a thread may process together in a stage. */
  readonly tilesAtOnce: number;
  /** Offsets of buffers, and strides of wide rows, are multiples of this many elements. */
  readonly alignment: number;
}

export interface Plan extends PlanOptions {
  readonly stages: readonly Stage[];
  readonly buffers: readonly Buffer[];
  readonly arenas: Readonly<Record<"fixed" | "partial" | "tile" | "batch", number>>;
  /** The view of each tensor. */
  readonly views: ReadonlyMap<Tensor, View>;
  /** The partial results of each reduction, by the tensor they are combined into. */
  readonly partials: ReadonlyMap<Tensor, View>;
  readonly graph: Graph;
}

/**
 * Assigns a view of a buffer to every tensor. Slices and reshapes are views of their operand. Producers write the parts
 * of a concatenation into it. Row tensors made and used in a single tile stage live in the thread's tile arena. So do
 * entries that several tile stages use, which follow one another: there for all entries of a tile's rows. Others
 * live in the batch arena, or in the arena of their sequence. Tensors that are not live at the same time share memory.
 */
export function planMemory(graph: Graph, options: PlanOptions): Plan {
  const stages = schedule(graph, options);
  const places = placeTensors(graph);
  const lives = livesOf(graph, stages, places);
  const roots = rootsBySpace(graph, stages, places, lives);

  const stagesOf = (root: Tensor): Span => lives.get(root)!.stages;
  const barriersOf = (root: Tensor): Span => lives.get(root)!.barriers;
  const instructionsOf = (root: Tensor): Span => lives.get(root)!.instructions;
  const bound = boundBuffers(graph, roots.bound);
  const { maxBatch, tileRows, tilesAtOnce, alignment } = options;
  const fixed = layOutSpace("fixed", roots.fixed, 1, barriersOf, alignment);
  const tile = layOutSpace("tile", roots.tile, tileRows * tilesAtOnce, instructionsOf, alignment);
  const batch = layOutSpace("batch", roots.batch, maxBatch, barriersOf, alignment);
  const partial = partialBuffers(graph, [...roots.fixed, ...roots.partial], alignment);
  const received = receivedBuffers(roots.received);
  const entries = [
    ...entriesBuffers("entries", roots.entries, barriersOf, alignment),
    ...entriesBuffers("tileEntries", roots.tileEntries, stagesOf, alignment),
  ];

  const spaces = [bound, fixed.buffers, tile.buffers, batch.buffers, received, ...entries];
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

/** The tensors with their own memory, by memory space; parameters and scalars are bound by the caller. */
interface Roots {
  readonly bound: readonly Tensor[];
  readonly fixed: readonly Tensor[];
  readonly tile: readonly Tensor[];
  readonly batch: readonly Tensor[];
  /** Reductions that only have partial results: another equation folds them. */
  readonly partial: readonly Tensor[];
  readonly received: readonly Tensor[];
  /** Values of entries that a whole batch needs at once, as updates of tables do. */
  readonly entries: readonly Tensor[];
  /** Those that several stages of a tile use, or one that processes rows. */
  readonly tileEntries: readonly Tensor[];
}

function rootsBySpace(
  graph: Graph,
  stages: readonly Stage[],
  places: ReadonlyMap<Tensor, Place>,
  lives: ReadonlyMap<Tensor, Life>,
): Roots {
  const made = producers(graph);
  const roots: Record<keyof Roots, Tensor[]> = {
    bound: [],
    fixed: [],
    tile: [],
    batch: [],
    partial: [],
    received: [],
    entries: [],
    tileEntries: [],
  };
  for (const root of new Set([...places.values()].map((place) => place.root))) {
    const { op } = made.get(root)!;
    const life = lives.get(root);
    if (!life) {
      roots.partial.push(root);
      continue;
    }
    const within = ({ first, last }: Span) =>
      first === last && op.execution !== "batch" && op.execution !== "exchange";
    const ofTile = within(life.stages) && stages[life.stages.first]?.domain === root.shape[0];
    const ofBatch = !entriesOf(root) ? "batch" : within(life.barriers) ? "tileEntries" : "entries";
    if (op.receives) roots.received.push(root);
    else if (op.binds === "parameter" || op.binds === "scalar") roots.bound.push(root);
    else if (!isRow(root)) roots.fixed.push(root);
    else roots[ofTile ? "tile" : ofBatch].push(root);
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

/** Their memory is no part of an arena. */
function receivedBuffers(roots: readonly Tensor[]): Map<Tensor, Buffer> {
  const bufferOf = (root: Tensor): Buffer => {
    return { space: "exchange", dtype: root.dtype, width: width(root), offset: 0, name: "" };
  };
  return new Map(roots.map((root) => [root, bufferOf(root)]));
}

/** Of each sequence by itself: its arena has as many entries as the batch, or as the rows of a tile. */
function entriesBuffers(
  space: "entries" | "tileEntries",
  roots: readonly Tensor[],
  spanOf: (root: Tensor) => Span,
  alignment: number,
): Map<Tensor, Buffer>[] {
  const bySequence = new Map<Entries, Tensor[]>();
  for (const root of roots) {
    const entries = entriesOf(root)!;
    bySequence.set(entries, [...(bySequence.get(entries) ?? []), root]);
  }
  return [...bySequence].map(([name, ofSequence]) => {
    const { buffers } = layOutSpace(space, ofSequence, 1, spanOf, alignment);
    return new Map([...buffers].map(([root, buffer]) => [root, { ...buffer, name }]));
  });
}

interface Laid {
  readonly buffers: Map<Tensor, Buffer>;
  /** Elements in the arena. */
  readonly size: number;
}

function layOutSpace(
  space: "fixed" | "tile" | "batch" | "entries" | "tileEntries",
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

/** The partial results of the reductions; they do not share memory. */
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

/** An id or bag has one column; see `rowWidth` for its size. */
function dimsOf(tensor: Tensor): readonly number[] {
  const dims = innerDims(tensor);
  return dims.length > 0 ? dims : [1];
}

/**
 * Rows at multiples of 2 KiB map to one or two sets of the first-level cache, which then holds fewer rows than a matrix
 * product reads at once. One extra cache line spreads them.
 */
const SAME_SET = 2048 / Float32Array.BYTES_PER_ELEMENT;

/**
 * Elements per row of a buffer. Wide rows are padded to whole cache lines, so that every row of every tile is aligned;
 * a bag takes 24 bytes.
 */
function rowWidth(root: Tensor, alignment: number): number {
  if (isBag(root.dtype)) return 6;
  if (root.dtype === "id64") return 2;
  const elements = width(root);
  if (!isRow(root) || elements <= alignment) return elements;
  const padded = align(elements, alignment);
  return padded % SAME_SET === 0 ? padded + alignment : padded;
}

/** The parts of a concatenation that were not written in place and must be copied. */
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
