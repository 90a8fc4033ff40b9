import { dirname, join } from "node:path";

/** The directory of a run's checkpoints. */
export const checkpointsDir = (runDir: string): string => join(runDir, "checkpoints");

/** The directory of the run that a checkpoint belongs to. */
export const runDirOf = (checkpoint: string): string => dirname(dirname(checkpoint));

/** `step-00001234`: padded, so that names sort in step order. */
export const stepName = (step: number): string => `step-${String(step).padStart(8, "0")}`;

/** The step in a checkpoint directory's name; undefined for any other name. */
export function stepOfName(name: string): number | undefined {
  const digits = /^step-(\d{8,})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
