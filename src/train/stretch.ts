import type { Checkpoint } from "../checkpoint/index.js";
import type { Position } from "./training-state.js";

/** The name under which a stretch is logged, beside the splits: measured before it is trained on. */
export const STRETCH = "stretch";

/** A stretch of new rows on which a trained model goes on, in one pass. */
export interface Stretch {
  /** From 1. */
  readonly number: number;
  /** The state to go on from: of an earlier training, or of this stretch if it was interrupted. */
  readonly from: Checkpoint;
  /** The newest checkpoint of the run: its steps are taken. */
  readonly newest: Checkpoint;
}

/** True if the state is one inside the stretch. */
export const isInside = ({ number, from }: Stretch): boolean => from.manifest.stretch === number;

/** Where the stretch starts: after all steps of the run, with an epoch of its own, so that no random draw repeats. */
export function startOf(stretch: Stretch): Position {
  const { step, epoch, epochStep } = stretch.newest.manifest;
  if (isInside(stretch)) return { step: step - epochStep, epoch, epochStep: 0 };
  return { step, epoch: epochStep === 0 ? epoch : epoch + 1, epochStep: 0 };
}
