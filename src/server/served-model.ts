import type { Checkpoint } from "../checkpoint/index.js";
import { CheckpointError } from "../errors.js";
import { type CheckpointChoice, findCheckpoint, withCheckpoint } from "../saved/find-checkpoint.js";
import { FollowedVersions } from "../saved/follow.js";
import { carriedHistories, type ReadEvents } from "../serve/histories.js";
import { type Opening, openVersion, type Version } from "./version.js";

/** Where a model comes from, and how it is chosen. */
export interface ModelSource {
  readonly name: string;
  /** A run directory, a checkpoint, or a directory where a run publishes. */
  readonly path: string;
  readonly choice?: CheckpointChoice;
  /** The share of requests that it answers, of those that name no model; the first model answers the rest. */
  readonly share?: number;
  /** Reads the events from which rows get their histories. */
  readonly events?: ReadEvents;
}

export interface ModelOptions {
  readonly opening: Opening;
  /** Use each newer version that appears. */
  readonly follow: boolean;
  readonly warn: (message: string) => void;
}

/** A model that can take newer versions while it serves: the old one serves until the new one has scored a row. */
export interface ServedModel {
  readonly source: ModelSource;
  readonly current: Version;
  /** Opens the version that is to be served now: the newest if the model is followed, else that of the source. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export function openServed(source: ModelSource, options: ModelOptions): Promise<ServedModel> {
  return options.follow ? followed(source, options) : reloadable(source, options);
}

/**
 * Each version has memory of its own, that of mapped files where tables are large: requests that wait keep theirs, and the next one
 * scores a row before it serves.
 */
async function followed(source: ModelSource, { opening, warn }: ModelOptions): Promise<ServedModel> {
  const histories = carriedHistories(source.events);
  const open = async (checkpoint: Checkpoint) => ({
    checkpoint,
    value: await openVersion(checkpoint, opening, histories),
  });
  const versions = await FollowedVersions.start(source.path, open, { warn });
  return {
    source,
    get current() {
      return versions.current;
    },
    reload: async () => {
      const reason = (await versions.refresh()) ? undefined : await versions.refusal();
      if (reason !== undefined) throw unusable(source, reason);
    },
    close: () => versions.close(),
  };
}

async function reloadable(source: ModelSource, { opening, warn }: ModelOptions): Promise<ServedModel> {
  const histories = carriedHistories(source.events);
  const open = (tell: (message: string) => void) =>
    withCheckpoint(
      () => findCheckpoint(source.path, source.choice, tell),
      (checkpoint) => openVersion(checkpoint, opening, histories),
    );
  let current = await open(warn);
  const openNext = async () => {
    let reason: string | undefined;
    const version = await open((message) => {
      reason ??= message;
      warn(message);
    });
    if (reason !== undefined && version.name === current.name) throw unusable(source, reason);
    current = version;
  };
  // One after another: a version that takes long to open must not replace a newer one.
  let reloading = Promise.resolve();
  return {
    source,
    get current() {
      return current;
    },
    reload: () => {
      const next = reloading.then(openNext);
      reloading = next.catch(() => undefined);
      return next;
    },
    close: async () => undefined,
  };
}

/** The version that is in use is not the one that was asked for. */
function unusable({ path }: ModelSource, reason: string): CheckpointError {
  return new CheckpointError({
    what: "a version cannot be used",
    where: path,
    got: reason.replace(/\s+/g, " "),
  });
}
