import type { PairloomError } from "../errors.js";
import type { Evaluation } from "../metrics/index.js";
import type { Initialized } from "./initialize-from.js";
import type { Position } from "./training-state.js";

/** What happens while a model trains, in this order. The terminal and the logs of a run listen to it. */
export type TrainingEvent =
  /** A checkpoint newer than the one that the run goes on from is damaged. */
  | { readonly kind: "checkpointPassedOver"; readonly dir: string; readonly error: PairloomError }
  /** The checkpoint that the run goes on from does not say how batches are cut: sums change their order here. */
  | { readonly kind: "sumsReordered"; readonly dir: string }
  /** The run starts from the weights of another. */
  | { readonly kind: "initialized"; readonly initialized: Initialized }
  /** Training goes on in an epoch: at its start, and after every evaluation and checkpoint inside it. */
  | {
      readonly kind: "epochStarted";
      readonly epoch: number;
      /** Rows of the epoch. */
      readonly rows: number;
      readonly doneRows: number;
    }
  /** Some steps have been taken, over `rows` rows. */
  | {
      readonly kind: "trained";
      readonly rows: number;
      /** The mean of these steps. */
      readonly loss: number;
      /** Of the rows so far, by name. */
      readonly metrics: Readonly<Record<string, number>>;
    }
  /** Values for the logs: on `train` since the last of these, on `valid` at an evaluation. */
  | {
      readonly kind: "measured";
      readonly position: Position;
      readonly split: "train" | "valid";
      readonly values: Readonly<Record<string, number>>;
    }
  | EvaluationEvent
  | { readonly kind: "checkpointed"; readonly dir: string };

/** An evaluation of a model on a split. */
export type EvaluationEvent =
  | { readonly kind: "evaluationStarted"; readonly split: string; readonly rows: number }
  /** `rows` more rows. */
  | { readonly kind: "evaluatedRows"; readonly rows: number }
  | {
      readonly kind: "evaluated";
      readonly split: string;
      /** Training steps of the model. */
      readonly step: number;
      readonly evaluation: Evaluation;
    };
