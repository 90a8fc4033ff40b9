import { ConfigError } from "../errors.js";
import { type FeatureInfo, sequenceOf } from "../models/model.js";
import { oneOf } from "../near-names.js";
import { factsOf } from "../train/step/loss/index.js";
import type { TrainConfig } from "../train/train-config.js";

/** Masked features exist, do not say which rows are compared, and are whole sequences if they are of one. */
export function checkSampleMask(
  { sampleMask, loss }: Pick<TrainConfig, "sampleMask" | "loss">,
  all: readonly FeatureInfo[],
): void {
  for (const [i, name] of (sampleMask?.features ?? []).entries()) {
    const refuse = (what: string, expected: string, next: string): ConfigError =>
      new ConfigError({ what, where: `train.sampleMask.features[${i}]`, got: name, expected, next });
    const feature = all.find((each) => each.name === name);
    if (!feature)
      throw refuse(
        `there is no feature "${name}"`,
        oneOf(
          name,
          all.map((each) => each.name),
        ),
        "Correct the name, or remove it.",
      );
    if (name === factsOf(loss).session)
      throw refuse(
        "the feature says which rows are a session",
        "a feature that the loss does not read",
        "Remove it, or give the model a feature of its own that reads the same column.",
      );
    const sequence = sequenceOf(feature);
    const left = all.find(
      (each) =>
        sequence !== undefined && sequenceOf(each) === sequence && !sampleMask!.features.includes(each.name),
    );
    if (left)
      throw refuse(
        `"${left.name}" is a column of the same sequence, and is not masked`,
        `all columns of "${sequence}", so that their entries stay aligned`,
        `Add "${left.name}" to the features of the mask.`,
      );
  }
}
