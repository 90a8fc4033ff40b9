import { count } from "../show-value.js";
import type { Schedule } from "./schedules.js";
import type { DenseOptimizer, EmbeddingOptimizer, Optimizers } from "./step/optimizers.js";
import type { TrainConfig } from "./train-config.js";

/** What the length of a training depends on, where the config does not set it. */
export interface TrainingData {
  /** Rows of the training split. */
  readonly rows: number;
  readonly hasValid: boolean;
}

/** From this many rows on, one epoch is the default: in a second one, click models begin to overfit. */
const MANY_ROWS = 1_000_000;
/** With fewer rows, training stops when the validation metric has not improved this many times, at the latest after … */
const PATIENCE = 3;
const MOST_EPOCHS = 30;
/** Without a validation split nothing tells when to stop. */
const EPOCHS_WITHOUT_VALID = 5;

/**
 * The training section with a length, if it sets neither epochs nor steps. Many rows: one epoch, with learning rates that fall
 * to 0 by a cosine, where they have no schedule. Fewer rows: early stopping on the validation split; without one, a few epochs.
 * Settings in the config always stay. One epoch: Zhang et al., "Towards Understanding the Overfitting Phenomenon of Deep
 * Click-Through Rate Models", CIKM 2022.
 */
export function withDefaultLength(train: TrainConfig, { rows, hasValid }: TrainingData): TrainConfig {
  if (train.epochs !== undefined || train.steps !== undefined) return train;
  if (rows >= MANY_ROWS) return { ...train, epochs: 1, optimizer: withSchedule(train.optimizer, TO_ZERO) };
  const { metric } = train;
  const stopping = hasValid && { earlyStopping: { metric, patience: PATIENCE, minDelta: 0 } };
  return { ...train, epochs: hasValid ? MOST_EPOCHS : EPOCHS_WITHOUT_VALID, ...stopping, ...given(train) };
}

/** The training section for a stretch of a run that goes on: one pass over its rows, and nothing that ends it earlier. */
export function withOnePass(train: TrainConfig): TrainConfig {
  return { ...train, epochs: 1, steps: undefined, evaluateEvery: undefined, earlyStopping: undefined };
}

const given = ({ earlyStopping }: TrainConfig) => earlyStopping && { earlyStopping };

const TO_ZERO: Schedule = { kind: "cosine", to: "end", minLearningRate: 0, by: "step" };

/** Gives a schedule to the optimizers that have none. */
function withSchedule({ dense, embedding, overrides }: Optimizers, schedule: Schedule): Optimizers {
  const scheduled = <O extends DenseOptimizer | EmbeddingOptimizer>(optimizer: O): O => ({
    schedule,
    ...optimizer,
  });
  return {
    dense: scheduled(dense),
    embedding: scheduled(embedding),
    overrides: overrides.map((each) => ({
      ...each,
      ...(each.dense && { dense: scheduled(each.dense) }),
      ...(each.embedding && { embedding: scheduled(each.embedding) }),
    })),
  };
}

/** The default length in words; undefined if the config sets a length. */
export function defaultLengthText(train: TrainConfig, data: TrainingData): string | undefined {
  if (train.epochs !== undefined || train.steps !== undefined) return undefined;
  const { epochs, earlyStopping } = withDefaultLength(train, data);
  const rows = count(data.rows);
  if (epochs === 1)
    return `1 epoch, because ${rows} training rows are many; learning rates without a schedule fall to 0`;
  return earlyStopping
    ? `until valid ${earlyStopping.metric} has not improved ${earlyStopping.patience} times, at most ${epochs} epochs, because ${rows} training rows are few`
    : `${epochs} epochs, because ${rows} training rows are few; add a validation split to stop at the best`;
}
