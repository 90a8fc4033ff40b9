import type { ReportData } from "./report-data.js";

/** A calibration further from 1 than this deserves a sentence. */
const CALIBRATED = 0.1;

/** What the numbers of a report say, in sentences, beyond the warnings of the run itself. */
export function findings(data: ReportData): string[] {
  return [...trainingRows(data), ...miscalibrated(data), ...undefinedMetrics(data)];
}

function trainingRows({ scored }: ReportData): string[] {
  if (scored?.split !== "train") return [];
  return [
    "There is no test or validation split: calibration, importance and field pairs are those of rows that the model was trained on, and look better than they are. Add data.split.test to the config.",
  ];
}

function miscalibrated({ results, model }: ReportData): string[] {
  const [own] = results?.lines ?? [];
  if (own === undefined) return [];
  const byLabel = own.labels ?? { "": own };
  return Object.entries(byLabel).flatMap(([label, { calibration }]) => {
    if (typeof calibration !== "number" || Math.abs(calibration - 1) <= CALIBRATED) return [];
    const percent = Math.round(100 * Math.abs(calibration - 1));
    const name = label === "" ? model : `${model} (${label})`;
    return [
      `The probabilities of ${name} are on average ${percent} % too ${calibration > 1 ? "high" : "low"} on the ${results!.split} split (calibration ${calibration.toFixed(2)}): compare the rate of the label in the splits; if they are equal, train fewer epochs or lower the learning rates.`,
    ];
  });
}

function undefinedMetrics({ results }: ReportData): string[] {
  const [own] = results?.lines ?? [];
  const reasons = own?.labels
    ? Object.entries(own.labels).flatMap(([label, of]) => reasonsOf(of.undefined, `${label}.`))
    : reasonsOf(own?.undefined, "");
  return reasons.length === 0
    ? []
    : [`Undefined metrics on the ${results!.split} split: ${reasons.join("; ")}.`];
}

/** Reasons that lie in the rows; that a model of numbers has no probabilities is no finding. */
function reasonsOf(reasons: Readonly<Record<string, string>> = {}, prefix: string): string[] {
  return Object.entries(reasons)
    .filter(([, reason]) => !reason.startsWith("the model predicts"))
    .map(([metric, reason]) => `${prefix}${metric} (${reason})`);
}
