import type { Prediction } from "../metrics/index.js";
import type { Profile } from "../profile/profile.js";
import type { Report, SplitReport } from "../run/report.js";

/** Everything that the page of a run shows, as JSON. A part that is not known is absent; `leftOut` says why. */
export interface ReportData {
  /** The version that made the report. */
  readonly pairloom: string;
  /** The name of the run directory. */
  readonly run: string;
  readonly model: string;
  readonly predicts: Prediction;
  readonly state: RunState;
  /** The checkpoint that was scored. */
  readonly checkpoint?: { readonly name: string; readonly step: number; readonly epoch: number };
  /** What `report.json` says of the training; absent until the first end of the run. */
  readonly training?: TrainingFacts;
  /** Findings in words. */
  readonly warnings: readonly string[];
  readonly curves: readonly Curve[];
  /** The model, then its baselines, on the held-out split. */
  readonly results?: { readonly split: string; readonly lines: Report["results"] };
  readonly splits: Readonly<Record<string, SplitReport>>;
  /** The dynamic tables at the end of the training; absent if there are none. */
  readonly tables?: Report["tables"];
  /** The tables larger than memory; absent if there are none. */
  readonly tiers?: Report["tiers"];
  /** The names in the folder of exports; absent if there are none. */
  readonly exports?: readonly string[];
  readonly scored?: Scored;
  readonly instructions?: Profile;
  readonly config: unknown;
  /** Why a part is absent, by its name: a sentence. */
  readonly leftOut: Readonly<Partial<Record<Part, string>>>;
}

export type Part = "curves" | "results" | "splits" | "scored" | "instructions";

/** `training` while a process holds the run; `ended` if no report says how. */
export type RunState = "training" | "ended" | Report["training"]["reason"];

export type TrainingFacts = Pick<Report, "backend" | "threads" | "seconds" | "parameters" | "training">;

/** The values of one quantity at steps of the training; `null` where it is undefined. */
export interface Curve {
  readonly split: string;
  /** Of the log: `loss`, `auc`, `buy.logLoss`, … */
  readonly name: string;
  readonly steps: readonly number[];
  readonly values: readonly (number | null)[];
}

/** What scoring rows of a split says. */
export interface Scored {
  readonly split: string;
  /** Rows scored: all rows of the split, or a random sample of them. */
  readonly rows: number;
  readonly splitRows: number;
  readonly labels: readonly LabelScores[];
  readonly importance: readonly Importance[];
  readonly pairs: FieldPairs;
}

/** The predictions of one label. With several classes: of the most probable class, which is right (1) or wrong (0). */
export interface LabelScores {
  readonly label: string;
  readonly calibration: readonly CalibrationGroup[];
  readonly histogram: Histogram;
}

/** Rows of neighbouring predictions. */
export interface CalibrationGroup {
  readonly rows: number;
  /** Weighted means. */
  readonly predicted: number;
  readonly actual: number;
}

export interface Histogram {
  /** The ends of the bins, one more than there are bins. */
  readonly edges: readonly number[];
  /** By bin; rows outside of the edges are in the first or last bin. */
  readonly rows: readonly number[];
  /** By bin: the rows whose label is 1; absent for labels that are numbers. */
  readonly positives?: readonly number[];
}

/** What the model loses when the values of a feature are those of other rows. */
export interface Importance {
  readonly feature: string;
  /** By label: the metric on the rows as they are, minus the metric on the shuffled ones; `null` where undefined. */
  readonly change: Readonly<Record<string, number | null>>;
  readonly metric: string;
  /** Standard deviation of the model's output that depends on the feature, alone or with others (total Sobol index). */
  readonly effect: number;
}

/** The strength of pairs of features. */
export interface FieldPairs {
  /** In the order of `strength`; of many features, those with the largest effect. */
  readonly features: readonly string[];
  /** [features, features], symmetric, 0 on the diagonal: in units of the model's output. */
  readonly strength: readonly (readonly number[])[];
}
