import { join } from "node:path";
import { type Checkpoint, MANIFEST_FILE } from "../checkpoint/index.js";
import { CheckpointError } from "../errors.js";
import { type Plan, type Position, WRONG_CHECKPOINT_NEXT } from "./training-state.js";

/**
 * The position of a checkpoint in a run.
 * @param stretch the stretch of new rows that the run is in, if it is in one
 * @throws CheckpointError naming the member of the manifest with which no run over these rows saves a checkpoint
 */
export function savedPosition({ dir, manifest }: Checkpoint, plan: Plan, stretch?: number): Position {
  const { step, epoch, epochStep, reader } = manifest;
  const position = plan.at(step);
  const { row } = reader as { readonly row?: unknown };
  const expected = {
    stretch,
    ...position,
    row: row === undefined ? row : position.epochStep * plan.batchSize,
  };
  const found = { stretch: manifest.stretch, step, epoch, epochStep, row };
  for (const key of ["stretch", "epoch", "epochStep", "row"] as const)
    if (found[key] !== expected[key])
      throw new CheckpointError({
        what: "the checkpoint is in a place that no run with these rows comes to",
        where: `${join(dir, MANIFEST_FILE)}: ${key === "row" ? "reader.row" : key}`,
        got: String(found[key]),
        expected: `${expected[key] ?? "none"} at step ${step}, of ${plan.stepsPerEpoch} steps in an epoch`,
        next: WRONG_CHECKPOINT_NEXT,
      });
  return position;
}
