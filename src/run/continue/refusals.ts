import type { z } from "zod";
import type { Checkpoint } from "../../checkpoint/index.js";
import type { Config } from "../../config/config.js";
import { growingConfig } from "../../data/stretch/growing-config.js";
import { positionSchema, type ReaderPosition, type Reads, readsSchema } from "../../data/stretch/position.js";
import { CheckpointError, ConfigError } from "../../errors.js";
import { comesToAnEnd } from "../../train/schedules.js";
import type { Optimizers } from "../../train/step/optimizers.js";

/** What a run cannot go on with. */

/** @throws ConfigError naming the first setting with which a run has an end */
export function refuseEnds({ data, train }: Config): void {
  const [source, where] = growingConfig(data);
  if ("rows" in source && source.rows !== undefined)
    throw new ConfigError({
      what: "rows in a config do not grow, so there is nothing to go on with",
      where,
      got: "rows",
      expected: "files, or a topic",
      next: "Set data.continue to the source of the new rows.",
    });
  if (train.seeds !== undefined)
    throw new ConfigError({
      what: "a run with several seeds cannot go on",
      where: "train.seeds",
      got: String(train.seeds),
      expected: "one model",
      next: "Train a run without train.seeds, and go on with that.",
    });
  const ended = schedulesOf(train.optimizer).find(({ schedule }) => schedule && comesToAnEnd(schedule));
  if (!ended) return;
  throw new ConfigError({
    what: "the learning rate has come to its end with the first training, and a run that goes on has none",
    where: `${ended.path}.schedule`,
    got: JSON.stringify(ended.schedule),
    expected: "a schedule without an end",
    next: `Choose a rate for the new rows, for example a constant one: --set ${ended.path}.schedule=null --set ${ended.path}.learningRate=0.001.`,
  });
}

function schedulesOf(optimizer: Optimizers) {
  const settings = [
    { path: "train.optimizer", of: optimizer },
    ...optimizer.overrides.map((of, i) => ({ path: `train.optimizer.overrides[${i}]`, of })),
  ];
  return settings.flatMap(({ path, of }) =>
    (["dense", "embedding"] as const).map((part) => ({
      path: `${path}.${part}`,
      schedule: of[part]?.schedule,
    })),
  );
}

/** @throws CheckpointError unless the first training has ended */
export function refuseUnfinished({ dir, manifest }: Checkpoint, reason: string | undefined): void {
  if (manifest.stretch !== undefined || (reason !== undefined && reason !== "interrupted")) return;
  throw new CheckpointError({
    what: "the first training of the run has not ended",
    where: dir,
    got: `step ${manifest.step}`,
    expected: "a run that has been trained to its end",
    next: "Finish it with --resume, then go on with --continue.",
  });
}

/** What the run has read up to a checkpoint. @throws CheckpointError if the checkpoint does not say it */
export function positionOf(checkpoint: Checkpoint): ReaderPosition {
  return readOf(checkpoint, "position", positionSchema);
}

/** What the stretch reads that a checkpoint is in. @throws CheckpointError if the checkpoint does not say it */
export function readsOf(checkpoint: Checkpoint): Reads {
  return readOf(checkpoint, "reads", readsSchema);
}

function readOf<T>({ dir, manifest }: Checkpoint, key: "position" | "reads", schema: z.ZodType<T>): T {
  const { read } = (manifest.reader ?? {}) as { read?: Record<typeof key, unknown> };
  const parsed = schema.safeParse(read?.[key]);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: "the checkpoint does not say what its run has read, so nobody knows which rows are new",
    where: `${dir}: reader.read`,
    got: read === undefined ? "nothing" : "something malformed",
    expected: "a checkpoint of a run of this version",
    next: "Train a new run, starting from this model if you like: train.initializeFrom.",
  });
}
