import { membersOf } from "./member-configs.js";
import { SeedsTrainer } from "./seeds-trainer.js";
import { Trainer, type TrainerOptions } from "./trainer.js";

/** Trains the model of a config: one, or the mean of the members that `train.seeds` asks for. */
export type AnyTrainer = Pick<Trainer, "run" | "evaluate" | "sizes">;

export function trainerOf(options: TrainerOptions): AnyTrainer {
  return membersOf(options.config.train) ? new SeedsTrainer(options) : new Trainer(options);
}
