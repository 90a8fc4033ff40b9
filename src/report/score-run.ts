import type { Backend } from "../backends/backend.js";
import { type SplitName, splitNames } from "../data/data-config.js";
import { DataError } from "../errors.js";
import type { Profile } from "../profile/profile.js";
import { splitSource, splitsOfData } from "../run/sources.js";
import type { TrainedModel } from "../saved/model.js";
import { targetsOf } from "../train/evaluate.js";
import { calibrationGroups, scoreHistogram } from "./calibration.js";
import { fieldPairs } from "./field-pairs.js";
import { permutationImportance } from "./importance.js";
import type { Scored } from "./report-data.js";
import { sampleRows } from "./sample.js";
import { scorePoints } from "./score-points.js";
import { featuresRead, ShuffledScores } from "./shuffled.js";
import { slowestInstructions } from "./slowest.js";

/** Rows scored at most, unless the caller says another number. */
export const SCORED_ROWS = 50_000;
/** Every feature takes a pass over the rows: models of many features get fewer rows, so that the time stays bounded. */
const PASSED_ROWS = 20_000_000;

export interface ScoreOptions {
  readonly backend: Backend;
  readonly threads: number;
  readonly rows?: number;
  /** Called before each part, with its name. */
  readonly onPart: (part: string) => void;
}

export interface ScoredRun {
  readonly scored: Scored;
  readonly instructions?: Profile;
}

/** Scores rows of the split that the model was least trained on, as they are and shuffled. @throws as `scanSource` */
export async function scoreRun(model: TrainedModel, options: ScoreOptions): Promise<ScoredRun> {
  const { onPart } = options;
  const split = heldOutSplit(model);
  const where = `data.${split}`;
  onPart(`Reading rows of the ${split} split`);
  const most = Math.min(options.rows ?? SCORED_ROWS, Math.ceil(PASSED_ROWS / featuresRead(model).length));
  const { columns, splitRows } = await sampleRows(model, splitSource(model.config.data, split), where, most);
  if (columns.rows === 0) throw noRows(where);
  onPart("Scoring them with each feature shuffled");
  const scores = await ShuffledScores.of(model, columns);
  const points = scorePoints(scores.unshuffled, targetsOf(columns), scores.settings);
  const labels = points.map((each) => ({
    label: each.label,
    calibration: calibrationGroups(each),
    histogram: scoreHistogram(each),
  }));
  const importance = await permutationImportance(model, columns, scores);
  onPart("Scoring them with each pair of features shuffled");
  const pairs = await fieldPairs(scores, importance);
  const instructions = await slowestInstructions(model.executable, options, columns);
  return {
    scored: { split, rows: columns.rows, splitRows, labels, importance, pairs },
    instructions,
  };
}

/** The test split; without one the validation split; without both the training split. */
function heldOutSplit({ config }: TrainedModel): SplitName {
  const names = splitsOfData(config.data);
  return [...splitNames].reverse().find((name) => names.includes(name))!;
}

function noRows(where: string): DataError {
  return new DataError({
    what: "there are no rows",
    where,
    got: "nothing",
    expected: "at least one row",
    next: "Check the files and the sql.",
  });
}
