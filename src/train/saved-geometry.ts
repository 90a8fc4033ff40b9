import type { Checkpoint } from "../checkpoint/index.js";
import { CheckpointError } from "../errors.js";
import { CPU_TARGET, type Geometry, MOST_GROUPS } from "../passes/geometry.js";

/**
 * How the run of a checkpoint divides its batches; undefined in checkpoints that do not say it.
 * @param batch rows per step by the config
 * @throws CheckpointError if no run with this batch divides it so
 */
export function savedGeometry({ dir, manifest }: Checkpoint, batch: number): Geometry | undefined {
  const { geometry } = manifest;
  if (!geometry) return undefined;
  const { least, most } = CPU_TARGET.tileRows;
  const { tileRows, groups } = geometry;
  const isTile = tileRows % least === 0 && tileRows <= most;
  if (geometry.batch === batch && isTile && groups <= MOST_GROUPS) return geometry;
  throw new CheckpointError({
    what: "the checkpoint divides batches as no run with its config does",
    where: `${dir}: geometry`,
    got: JSON.stringify(geometry),
    expected: `batch ${batch}, tileRows a multiple of ${least} up to ${most}, groups up to ${MOST_GROUPS}`,
    next: "Use another checkpoint of the run: this one was written incorrectly.",
  });
}
