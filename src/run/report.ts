import { splitNames } from "../data/data-config.js";
import type { PackedDataset } from "../data/pack/packed.js";
import type { PreparedData } from "../data/pack/prepared.js";
import { type Evaluation, type MetricName, namedMetrics, type OptionalMetric } from "../metrics/index.js";
import type { TableReport } from "../train/table-metrics.js";
import type { TierReports } from "../train/tier-metrics.js";

/** One line of the final table: a model, or a baseline, measured on the held-out split. */
export interface Measured {
  readonly name: string;
  readonly evaluation: Evaluation;
}

/** The content of `report.json`. An undefined metric is `null`; `undefined` has its reason. */
export interface Report {
  readonly pairloom: string;
  readonly backend: string;
  readonly threads: number;
  readonly seconds: { readonly prepare: number; readonly train: number; readonly total: number };
  readonly data: Readonly<Record<string, SplitReport>>;
  /** Rows of the source that belong to no split. */
  readonly unassigned: number;
  /** By the config path of a table of events: how many of the keys of rows it has. */
  readonly keys?: PreparedData["keys"];
  readonly parameters: { readonly model: number; readonly optimizer: number };
  readonly training: {
    readonly reason: "finished" | "earlyStopping" | "interrupted";
    readonly step: number;
    readonly epoch: number;
    /** With `train.seeds`: the seed of each member, and the step of its checkpoint. */
    readonly members?: readonly { readonly seed: number; readonly step: number }[];
    /** Rows trained on by this process. */
    readonly rows: number;
    readonly samplesPerSecond: number;
  };
  readonly checkpoint: string;
  /** The dynamic tables, by name; absent if there are none. */
  readonly tables?: Readonly<Record<string, TableReport>>;
  /** The tables larger than memory, by name; absent if there are none. */
  readonly tiers?: TierReports;
  /** The evaluated split; absent if there is only a training split. */
  readonly measuredOn?: "test" | "valid";
  readonly results: readonly ({ readonly name: string; readonly rows: number } & MetricValues)[];
  /** What in the data deserves a look, then what the results say against the model: sentences. */
  readonly warnings: readonly string[];
}

export interface SplitReport {
  /** Rows of the source for this split: used, quarantined, and left out by `sampleNegatives`. */
  readonly rowsRead: number;
  readonly rows: number;
  readonly leftOut?: number;
  /** With a split by time: the first time of the split; the first split starts with the oldest row. */
  readonly starts?: string;
  readonly quarantined: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly quarantineFile: string;
  /**
   * By feature, for those that have any: the shares of the rows with a missing value, and with a value that has no row of
   * its own in the table.
   */
  readonly features: Readonly<Record<string, { readonly missing: number; readonly unknown: number }>>;
  /** Entries of sequences beyond their maximum, by feature; absent if there are none. */
  readonly cutEntries?: Readonly<Record<string, number>>;
}

type Reported = Exclude<MetricName, OptionalMetric | "meanPrediction">;
type MetricValues = { readonly [M in Reported]: number | null } & {
  readonly [M in OptionalMetric | `recall@${number}`]?: number | null;
} & {
  readonly undefined?: Readonly<Record<string, string>>;
  /** With several labels: the metrics of each, by name. The other metrics are those of the first label. */
  readonly labels?: Readonly<Record<string, MetricValues>>;
};

export function splitReports({ splits, starts = {} }: PreparedData): Record<string, SplitReport> {
  return Object.fromEntries(
    splitNames.flatMap((name) => {
      const split = splits[name];
      return split ? [[name, splitReport(split, starts[name])]] : [];
    }),
  );
}

function splitReport(split: PackedDataset, starts: string | undefined): SplitReport {
  const { rowsRead, rows, leftOut, quarantined, reasons, quarantinePath } = split;
  return {
    rowsRead,
    rows,
    ...(leftOut > 0 && { leftOut }),
    ...(starts !== undefined && { starts }),
    quarantined,
    reasons,
    quarantineFile: quarantinePath,
    features: featureShares(split),
    ...(Object.keys(split.cut).length > 0 && { cutEntries: split.cut }),
  };
}

function featureShares({ absences, rows }: PackedDataset): SplitReport["features"] {
  const shares = Object.entries(absences)
    .filter(([, { missing, unknown }]) => missing + unknown > 0)
    .map(([name, { missing, unknown }]) => [name, { missing: missing / rows, unknown: unknown / rows }]);
  return Object.fromEntries(shares);
}

export function measuredReport({ name, evaluation }: Measured): Report["results"][number] {
  return { name, rows: evaluation.rows, ...metricsReport(evaluation) };
}

/** Metrics as JSON: numbers, or `null` with a reason. */
export function metricsReport(evaluation: Evaluation): MetricValues {
  const results = Object.entries({ ...namedMetrics(evaluation), baseRate: evaluation.baseRate });
  const values = results.map(([name, result]) => [name, result.defined ? result.value : null]);
  const reasons = results.flatMap(([name, result]) => (result.defined ? [] : [[name, result.reason]]));
  return {
    ...(Object.fromEntries(values) as Record<Reported, number | null>),
    ...(reasons.length > 0 && { undefined: Object.fromEntries(reasons) }),
    ...(evaluation.labels && { labels: reportsOf(evaluation.labels) }),
  };
}

function reportsOf(labels: ReadonlyMap<string, Evaluation>): Record<string, MetricValues> {
  return Object.fromEntries([...labels].map(([label, evaluation]) => [label, metricsReport(evaluation)]));
}
