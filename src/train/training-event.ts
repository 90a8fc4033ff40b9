import type { PairloomError } from "../errors.js";
import type { Evaluation } from "../metrics/index.js";
import type { Initialized } from "./initialize-from.js";
import type { Position } from "./training-state.js";

/** Events during training, in this order. The terminal and the logs of a run listen to them. */
export type TrainingEvent = {
  /** The seed of the member in training, if the run has members. */
  readonly seed?: number;
} /** A checkpoint newer than the one used for resuming is damaged. */ & (
  | { readonly kind: "checkpointPassedOver"; readonly dir: string; readonly error: PairloomError }
  /** The checkpoint used for resuming does not store how batches are divided; the order of sums changes here. */
  | { readonly kind: "sumsReordered"; readonly dir: string }
  /** The run starts from the weights of another run. */
  | { readonly kind: "initialized"; readonly initialized: Initialized }
  /** Training continues in an epoch: at its start, and after each evaluation and checkpoint in it. */
  | {
      readonly kind: "epochStarted";
      readonly epoch: number;
      /** Rows per epoch. */
      readonly rows: number;
      readonly doneRows: number;
    }
  /** Steps were completed, over `rows` rows. */
  | {
      readonly kind: "trained";
      readonly rows: number;
      /** The mean over these steps. */
      readonly loss: number;
      /** Metrics of the rows so far, by name. */
      readonly metrics: Readonly<Record<string, number>>;
    }
  /**
   * Values for the logs: for `train` and the dynamic `tables` since the previous such event, for `valid` at an evaluation, for
   * a `stretch` before it is trained on.
   */
  | {
      readonly kind: "measured";
      readonly position: Position;
      readonly split: "train" | "valid" | "stretch" | "tables";
      readonly values: Readonly<Record<string, number>>;
    }
  | EvaluationEvent
  | { readonly kind: "checkpointed"; readonly dir: string }
);

/** An evaluation of a model on a split. */
export type EvaluationEvent =
  | { readonly kind: "evaluationStarted"; readonly split: string; readonly rows: number }
  /** `rows` more rows were scored. */
  | { readonly kind: "evaluatedRows"; readonly rows: number }
  | {
      readonly kind: "evaluated";
      readonly split: string;
      /** The model's training step. */
      readonly step: number;
      readonly evaluation: Evaluation;
    };
