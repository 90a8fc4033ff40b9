import type { Config } from "../src/config/config.js";
import { prepareData } from "../src/data/index.js";
import type { TrainerOptions } from "../src/train/trainer.js";

type Others = Pick<TrainerOptions, "backend" | "runDir"> & Partial<TrainerOptions>;

/** The options of a trainer on the prepared data of a config. */
export async function trainerOptions(config: Config, others: Others): Promise<TrainerOptions> {
  const { features, splits } = await prepareData(config);
  const { train, valid } = splits;
  return { config, features, train, valid, ...others };
}
