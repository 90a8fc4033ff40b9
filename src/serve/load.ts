import { selectBackendOrWarn } from "../saved/backend.js";
import { findCheckpoint, withCheckpoint } from "../saved/find-checkpoint.js";
import { FollowedVersions } from "../saved/follow.js";
import { openModel } from "../saved/model.js";
import { openFollowed } from "./followed-model.js";
import { FollowingPredictor } from "./following-predictor.js";
import { type EventsBySequence, Histories } from "./histories.js";
import { checkLoadOptions, type LoadOptions } from "./load-options.js";
import { Predictor } from "./predictor.js";
import type { LabelOf, RowOf } from "./row.js";
import { MAX_BATCH } from "./run-model.js";

export type { LoadOptions } from "./load-options.js";

/** `load` with {@link LoadOptions.follow}. */
type Following = LoadOptions & { readonly follow: true | { readonly every: number } };

/**
 * Loads a trained model for scoring in this process, with the transforms that training used. Runs no code that the
 * checkpoint names, unless the options name or allow it.
 *
 * ```ts
 * import type config from "./pairloom.config.js";
 * const model = await load<typeof config>("runs/latest");
 * const [p] = model.predict([{ hour: 17, origin: "SEA", … }]);
 * ```
 *
 * @param path a run directory, or a checkpoint
 * @throws CheckpointError if there is no valid checkpoint, ConfigError for an unknown option
 */
export function load<C = unknown>(
  path: string,
  options: Following,
): Promise<FollowingPredictor<RowOf<C>, LabelOf<C>>>;
export function load<C = unknown>(
  path: string,
  options?: LoadOptions & { readonly follow?: false },
): Promise<Predictor<RowOf<C>, LabelOf<C>>>;
export function load<C = unknown>(
  path: string,
  options: LoadOptions,
): Promise<Predictor<RowOf<C>, LabelOf<C>> | FollowingPredictor<RowOf<C>, LabelOf<C>>>;
export async function load<C = unknown>(path: string, options: LoadOptions = {}) {
  const {
    checkpoint: choice,
    backend: name,
    threads = 1,
    follow,
    events,
    ...code
  } = checkLoadOptions(options);
  const opening = { backend: selectBackendOrWarn(name), maxBatch: MAX_BATCH, threads, ...code };
  if (follow) return following<C>(path, opening, { ...(follow === true ? {} : follow), events });
  return withCheckpoint(
    () => findCheckpoint(path, choice),
    async (checkpoint) => {
      const model = await openModel(checkpoint, opening);
      return new Predictor<RowOf<C>, LabelOf<C>>(model, Histories.of(model, events));
    },
  );
}

async function following<C>(
  path: string,
  opening: Parameters<typeof openModel>[1],
  { every, events }: { readonly every?: number; readonly events?: EventsBySequence },
): Promise<FollowingPredictor<RowOf<C>, LabelOf<C>>> {
  const warn = (message: string) => process.emitWarning(message);
  const open = openFollowed<RowOf<C>, LabelOf<C>>(opening, events);
  return new FollowingPredictor(await FollowedVersions.start(path, open, { every, warn }));
}
