import { ExecutionError } from "../../errors.js";
import type { Admission } from "../../graph/translation.js";
import type { Translation } from "../backend.js";

/** A translation whose changes in a step can be reverted. */
export interface ReferenceTranslation extends Translation, Admission {
  /** Reverts the last `admit`, because the step failed elsewhere. */
  revert(): void;
}

export function otherState(got: string): ExecutionError {
  return new ExecutionError({ what: "the state is of another translation", got });
}
