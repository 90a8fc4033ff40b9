import type { AccumulationGroups } from "../graph/accumulation.js";

/**
 * How a batch is divided for training. It determines the order of every sum, so it belongs to a run and not to a
 * machine: results do not depend on the number of threads or ranks.
 */
export interface Geometry extends AccumulationGroups {
  /** Rows per step, over all ranks. */
  readonly batch: number;
}

/** A device's requirements for a plan. */
export interface Target {
  /** Offsets of buffers are multiples of this many elements. */
  readonly alignment: number;
  readonly tileRows: { readonly least: number; readonly most: number };
  /** Tiles that a thread processes together in a stage, if memory allows. */
  readonly tilesAtOnce: number;
  /** Limit of a thread's memory for its tiles, in elements. */
  readonly tileElements: number;
}

/**
 * Alignment: a cache line, which is also the widest vector. Tile memory: a tile's rows and the weights they are
 * multiplied by stay in the second-level cache. Each weight is read, and each weight gradient written, once for all
 * tiles that a thread processes together; this saves more than it costs when activations spill into the third-level
 * cache.
 */
export const CPU_TARGET: Target = {
  alignment: 16,
  tileRows: { least: 32, most: 256 },
  tilesAtOnce: 2,
  tileElements: 1 << 22,
};

/** Smaller groups would make matrix products slower; small batches still get a few groups. */
const GROUP_ROWS = 128;
const GROUPS = { most: 64, ofSmallBatches: 4 };
export const MOST_GROUPS = 65_536;

/** The default number of accumulation groups, a power of two. */
export function defaultGroups(batch: number, { tileRows }: Target): number {
  const few = Math.min(GROUPS.ofSmallBatches, batch / tileRows.least);
  return powerOfTwoBelow(Math.min(GROUPS.most, Math.max(batch / GROUP_ROWS, few)));
}

/**
 * Divides a batch into groups, and these into as few tiles as `mostRows` allows.
 * @param mostRows maximum rows of a tile that fit in a thread's memory
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
