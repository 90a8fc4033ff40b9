import type { z } from "zod";
import type { GraphBuilder } from "../../../graph/graph.js";
import type { Tensor } from "../../../graph/tensor.js";
import type { KindSchema } from "../../../kinds.js";
import type { Task } from "../../task.js";

/** What the loss of a row is computed from. */
export interface LossInputs {
  /** The model's outputs, [B, outputs]. */
  readonly logits: Tensor;
  /** [B, 1] */
  readonly labels: Tensor;
  /** Ids [B], where the loss is over sessions. */
  readonly sessions?: Tensor;
}

/** How a model's outputs become the logits that predictions are made from, where they are not these themselves. */
export interface Head {
  /** Columns of the model's outputs. */
  readonly outputs: number;
  /** [B, outputs] -> [B, 1] */
  logits(builder: GraphBuilder, outputs: Tensor): Tensor;
}

/** What a loss of given settings is. */
export interface LossFacts {
  readonly task: Task;
  /** The loss takes one label. Otherwise each of several labels has a logit of its own, and the losses are summed. */
  readonly takesOneLabel?: true;
  readonly head?: Head;
  /** The feature whose ids are the sessions in which rows compete. */
  readonly session?: string;
  /** The loss of each row for one label, [B, 1]. */
  rowLoss(builder: GraphBuilder, inputs: LossInputs): Tensor;
}

/** A loss: its part of a config, and what it is with these settings. */
export interface LossDefinition<S extends KindSchema = KindSchema> {
  readonly schema: S;
  of(settings: z.output<S>): LossFacts;
}

/** Declares a loss; only there to infer the type of its settings. */
export function defineLoss<S extends KindSchema>(definition: LossDefinition<S>): LossDefinition<S> {
  return definition;
}
