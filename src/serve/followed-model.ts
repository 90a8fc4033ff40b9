import type { OpenedVersion, OpenVersion } from "../saved/follow.js";
import { changedModel, openModel, type TrainedModel } from "../saved/model.js";
import { carriedHistories, type EventsBySequence } from "./histories.js";
import { Predictor } from "./predictor.js";

/** A version of a model that is followed. */
export interface FollowedModel<Row, Label extends string> {
  readonly model: TrainedModel;
  readonly predictor: Predictor<Row, Label>;
  /** Set if the predictor is given away: its tables must then stay as they are. */
  isKept: boolean;
}

/** Opens versions: changes are applied to the tables of the version before, complete ones get memory of their own. */
export function openFollowed<Row, Label extends string>(
  opening: Parameters<typeof openModel>[1],
  events?: EventsBySequence,
): OpenVersion<FollowedModel<Row, Label>> {
  const options = { ...opening, mapped: false };
  const histories = carriedHistories(events && (async () => events));
  return async (newest, before) => {
    const changed = before && (await changesTo(before, newest, options));
    const model = changed ?? (await openModel(newest, options));
    const predictor = await histories(model, (own) => new Predictor<Row, Label>(model, own));
    const value = { model, predictor, isKept: false };
    const apply = () => {
      if (before!.value.isKept) return false;
      changed!.apply();
      return true;
    };
    return { checkpoint: model.checkpoint, value, ...(changed && { apply }) };
  };
}

/** The changes of the version after this one, if they are on the way to the newest version. */
async function changesTo<Row, Label extends string>(
  { checkpoint, value }: OpenedVersion<FollowedModel<Row, Label>>,
  { chain }: TrainedModel["checkpoint"],
  options: Parameters<typeof openModel>[1],
) {
  const place = chain.indexOf(checkpoint);
  return place < 0 || value.isKept ? undefined : changedModel(chain[place + 1], value.model, options);
}
