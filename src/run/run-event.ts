import type { Config } from "../config/config.js";
import type { PreparedData, PrepareProgress } from "../data/index.js";
import type { PackedDataset } from "../data/pack/packed.js";
import type { Next } from "../data/stretch/growing-source.js";
import type { TrainingResult } from "../train/trainer.js";
import type { EvaluationEvent, TrainingEvent } from "../train/training-event.js";
import type { DataWarning } from "./data-warnings.js";

/** The events of a run, from the first row read to the last measurement, in this order. */
export type RunEvent =
  | { readonly kind: "preparing"; readonly progress: PrepareProgress }
  | { readonly kind: "prepared"; readonly data: PreparedData; readonly seconds: number }
  | { readonly kind: "dataWarning"; readonly warning: DataWarning }
  | NewRowsEvent
  | ModelEvent;

/** Events of a run that goes on on new rows, before those of the training on a stretch. */
export type NewRowsEvent =
  /** The state before the new rows, which an earlier process could not publish, is published. */
  | { readonly kind: "published"; readonly step: number }
  /** What the source has after what was read: a stretch, or nothing. */
  | { readonly kind: "newRows"; readonly number: number; readonly next: Next }
  | { readonly kind: "readingRows"; readonly number: number; readonly rows: number }
  /** The stretch is packed. `added` has the number of new values by table, of vocabularies that grow. */
  | {
      readonly kind: "stretchReady";
      readonly number: number;
      readonly rows: PackedDataset;
      readonly added: Readonly<Record<string, number>>;
    };

/**
 * Events of one model: the config's or a baseline. Models train and are measured one after the other. At its start, the config
 * has its default length, and `length` says why, if it set none; or it is trained on a stretch of new rows.
 */
export type ModelEvent = { readonly model: string } & (
  | {
      readonly kind: "trainingStarted";
      readonly config: Config;
      readonly length?: string;
      readonly stretch?: number;
    }
  | TrainingEvent
  | { readonly kind: "trainingEnded"; readonly result: TrainingResult }
  | EvaluationEvent
);
