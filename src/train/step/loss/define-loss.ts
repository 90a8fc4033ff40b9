import type { z } from "zod";
import type { GraphBuilder } from "../../../graph/graph.js";
import type { Tensor } from "../../../graph/tensor.js";
import type { KindSchema } from "../../../kinds.js";
import type { Task } from "../../task.js";

/** The inputs of a loss. */
export interface LossInputs {
  /** The model's outputs, [B, outputs]. */
  readonly logits: Tensor;
  /** [B, 1] */
  readonly labels: Tensor;
  /** Ids [B], only for a loss over sessions. */
  readonly sessions?: Tensor;
}

/** Converts the model's outputs to the logits used for predictions, if they differ. */
export interface Head {
  /** Number of model outputs. */
  readonly outputs: number;
  /** [B, outputs] -> [B, 1] */
  logits(builder: GraphBuilder, outputs: Tensor): Tensor;
  /** Outputs of a row with this logit. */
  outputsOf(logit: number): number[];
}

/** The properties of a loss with given settings. */
export interface LossFacts {
  readonly task: Task;
  /** Set if the loss supports one label only. Otherwise each label has its own logit, and the losses are summed. */
  readonly takesOneLabel?: true;
  readonly head?: Head;
  /** The feature whose ids are the sessions in which rows compete. */
  readonly session?: string;
  /** The loss per row for one label, [B, 1]. */
  rowLoss(builder: GraphBuilder, inputs: LossInputs): Tensor;
}

/** A loss: its config schema, and its properties for given settings. */
export interface LossDefinition<S extends KindSchema = KindSchema> {
  readonly schema: S;
  of(settings: z.output<S>): LossFacts;
}

/** Declares a loss, to infer the type of its settings. */
export function defineLoss<S extends KindSchema>(definition: LossDefinition<S>): LossDefinition<S> {
  return definition;
}
