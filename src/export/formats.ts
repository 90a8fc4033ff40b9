import { ConfigError } from "../errors.js";
import type { TableStorage } from "../passes/store-tables.js";
import type { TrainedModel } from "../saved/model.js";
import { exportBundle, scoreBundle } from "./bundle.js";
import { exportOnnx, scoreWithOnnx } from "./onnx/export-onnx.js";
import { exportSafetensors, scoreSafetensors } from "./safetensors.js";
import type { ScoredRows } from "./scored-rows.js";

export interface ExportSettings {
  /** How a bundle stores its tables; default: as they are. */
  readonly storage?: TableStorage;
}

export interface ExportFormat {
  /** The file or directory in the folder `exports` of a run, if no other one is named. */
  readonly file: string;
  /** Writes the model. @returns the files */
  write(model: TrainedModel, path: string, settings: ExportSettings): Promise<string[]>;
  /** The logits that the files give. */
  score(model: TrainedModel, path: string, rows: ScoredRows): Promise<Float32Array>;
}

/** @throws ConfigError for a bundle whose tables have lost what a further export would need */
export function refuseBundle({ checkpoint: { dir, manifest } }: TrainedModel): void {
  if (manifest.storage === undefined) return;
  throw new ConfigError({
    what: "the tables of a bundle cannot be exported again",
    where: dir,
    got: `tables stored as ${manifest.storage}`,
    expected: "a run, or a bundle whose tables are as they were trained",
    next: "Name the run that the bundle was made from.",
  });
}

export const EXPORT_FORMATS = {
  onnx: { file: "model.onnx", write: exportOnnx, score: scoreWithOnnx },
  bundle: { file: "bundle", write: exportBundle, score: scoreBundle },
  safetensors: { file: "model.safetensors", write: exportSafetensors, score: scoreSafetensors },
} as const satisfies Record<string, ExportFormat>;

export type FormatName = keyof typeof EXPORT_FORMATS;
export const FORMAT_NAMES = Object.keys(EXPORT_FORMATS) as FormatName[];
