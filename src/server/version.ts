import type { Checkpoint } from "../checkpoint/index.js";
import { DataError } from "../errors.js";
import { openModel } from "../saved/model.js";
import type { CarriedHistories } from "../serve/histories.js";
import { Predictor } from "../serve/predictor.js";
import { exampleRow } from "./example-row.js";

/** A model as one checkpoint has it. */
export interface Version {
  /** Such as `step-00000500`. */
  readonly name: string;
  readonly predictor: Predictor;
}

export type Opening = Parameters<typeof openModel>[1];

/**
 * Opens a checkpoint, and scores a row with it: what cannot score never takes the place of a model that can.
 * @throws CheckpointError if it is damaged, ExecutionError if it cannot score
 */
export async function openVersion(
  checkpoint: Checkpoint,
  opening: Opening,
  histories: CarriedHistories,
): Promise<Version> {
  const model = await openModel(checkpoint, opening);
  const predictor = await histories(model, (own) => probed(new Predictor(model, own)));
  return { name: checkpoint.name, predictor };
}

function probed(predictor: Predictor): Predictor {
  try {
    predictor.predict([exampleRow(predictor)]);
  } catch (error) {
    // The row is made up: that its values are refused says nothing about the model.
    if (!(error instanceof DataError)) throw error;
  }
  return predictor;
}
