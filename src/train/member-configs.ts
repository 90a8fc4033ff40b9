import { existsSync } from "node:fs";
import { ConfigError } from "../errors.js";
import { memberDirectory } from "./members.js";
import type { TrainConfig } from "./train-config.js";

/** The number of members; undefined if the run trains one model, without members. */
export const membersOf = ({ seeds = 1 }: Pick<TrainConfig, "seeds">): number | undefined =>
  seeds > 1 ? seeds : undefined;

/**
 * The config of each member: the seeds are `seed`, `seed + 1`, … A run that starts from a run with members starts each one
 * from the member of the same seed.
 */
export function memberConfigs<C extends { readonly train: TrainConfig }>(config: C): C[] {
  const { seeds = 1, ...train } = config.train;
  return Array.from({ length: seeds }, (_, k) => {
    const seed = train.seed + k;
    return { ...config, train: { ...train, seed, initializeFrom: startOf(train.initializeFrom, seed) } };
  });
}

function startOf(from: TrainConfig["initializeFrom"], seed: number): TrainConfig["initializeFrom"] {
  const run = from && memberDirectory(from.run, seed);
  return run !== undefined && existsSync(run) ? { ...from!, run } : from;
}

/** @throws ConfigError if the config has several members */
export function refuseMembers({ seeds = 1 }: TrainConfig): void {
  if (seeds === 1) return;
  throw new ConfigError({
    what: "a Trainer trains one member of a run",
    where: "train.seeds",
    got: String(seeds),
    expected: "1",
    next: "Call trainerOf(options), which trains all members of the config.",
  });
}
