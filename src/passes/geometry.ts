import type { AccumulationGroups } from "../graph/accumulation.js";

/**
 * How a batch is cut for training. The order of every sum follows from it, so it belongs to a run, not to a machine:
 * results depend neither on the number of threads nor on the number of ranks.
 */
export interface Geometry extends AccumulationGroups {
  /** Rows of a step, over all ranks. */
  readonly batch: number;
}

/** What a device wants of a plan. */
export interface Target {
  /** Offsets of buffers are multiples of this many elements. */
  readonly alignment: number;
  readonly tileRows: { readonly least: number; readonly most: number };
  /** Tiles that a thread takes through a stage together, where memory allows it. */
  readonly tilesAtOnce: number;
  /** Bound on a thread's memory for its tiles, in elements. */
  readonly tileElements: number;
}

/**
 * A cache line and the widest vector; tiles whose rows, with the weights that they are multiplied by, stay in the
 * second-level cache. Each weight is read, and each weight gradient written, once for all the tiles that a thread takes
 * at once, which costs more than activations that spill into the third-level cache.
 */
export const CPU_TARGET: Target = {
  alignment: 16,
  tileRows: { least: 32, most: 256 },
  tilesAtOnce: 2,
  tileElements: 1 << 22,
};

/** Groups of fewer rows would make the products of matrices slower; of small batches a few all the same. */
const GROUP_ROWS = 128;
const GROUPS = { most: 64, ofSmallBatches: 4 };
export const MOST_GROUPS = 65_536;

/** The default number of accumulation groups: a power of two. */
export function defaultGroups(batch: number, { tileRows }: Target): number {
  const few = Math.min(GROUPS.ofSmallBatches, batch / tileRows.least);
  return powerOfTwoBelow(Math.min(GROUPS.most, Math.max(batch / GROUP_ROWS, few)));
}

/**
 * Cuts a batch into groups, and these into as few tiles as `mostRows` allows.
 * @param mostRows rows of a tile that fit the memory of a thread
 */
export function cutBatch(batch: number, groups: number, mostRows: number, { tileRows }: Target): Geometry {
  const { least, most } = tileRows;
  const groupRows = Math.ceil(batch / groups);
  const fit = Math.max(least, Math.floor(Math.min(most, mostRows) / least) * least);
  const tiles = Math.ceil(groupRows / fit);
  const rows = Math.ceil(groupRows / tiles / least) * least;
  return { batch, tileRows: rows, groups };
}

function powerOfTwoBelow(value: number): number {
  return value < 2 ? 1 : 2 ** Math.floor(Math.log2(value));
}
