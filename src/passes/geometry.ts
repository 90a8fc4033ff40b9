/**
 * How a batch is cut for training. The order of every sum follows from it, so that it belongs to a run, not to a
 * machine: results do not depend on the number of threads or ranks.
 */
export interface Geometry {
  /** Rows of a step, over all ranks. */
  readonly batch: number;
  /** Rows of a tile. */
  readonly tileRows: number;
  /** Accumulation groups: each sums the gradients of a contiguous range of tiles; a balanced tree adds the groups. */
  readonly groups: number;
}
