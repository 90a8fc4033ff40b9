import type { Settings } from "../config/differences.js";
import type { WatchedMetric } from "../metrics/index.js";
import type { RunSummary } from "../run/run-summary.js";
import { fillLines, withCommas } from "./fill-lines.js";
import { valueWords } from "./setting-words.js";

const MOST_NAME = 30;

/** A line for each run, and below it its model and the settings in which the runs differ. */
export function runsTable(
  runs: readonly RunSummary[],
  settings: readonly Settings[],
  metric: WatchedMetric,
): string {
  const width = Math.min(MOST_NAME, Math.max(...runs.map(({ name }) => name.length)));
  const line = (name: string, [when, valid, test, seconds]: readonly string[], status: string) =>
    `${shortened(name, width).padEnd(width)}  ${when.padEnd(11)}  ${valid.padStart(7)}  ${test.padStart(7)}  ${seconds.padStart(7)}  ${status}`;
  const head = line("run", ["when", "valid", "test", "seconds"], "status");
  const lines = runs.flatMap((run, i) => [
    line(run.name, cellsOf(run, metric), run.status),
    ...detailLines(detailsOf(run, settings[i])),
  ]);
  return [`valid, test: ${metric}`, head, "-".repeat(Math.max(head.length, width + 50)), ...lines].join("\n");
}

const INDENT = "    ";

function detailLines(details: readonly string[]): string[] {
  const [first, ...others] = withCommas(details).flatMap((detail) => detail.split(" "));
  return fillLines(INDENT + first, others, INDENT);
}

function cellsOf({ when, valid, test, seconds }: RunSummary, metric: WatchedMetric): string[] {
  const number = (value: number | undefined) => value?.toFixed(4) ?? "";
  return [localTime(when), number(valid[metric]), number(test[metric]), seconds.toFixed(1)];
}

/** `11-26 07:12` */
function localTime(when: Date): string {
  const local = new Date(when.getTime() - when.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(5, 16).replace("T", " ");
}

/** `dlrm x 3 seeds, train.batchSize 512` */
function detailsOf({ config }: RunSummary, settings: Settings): string[] {
  const { model, train } = (config ?? {}) as { model?: { kind?: string }; train?: { seeds?: number } };
  const seeds = train?.seeds ?? 1;
  const { "model.kind": _, "train.seeds": __, ...others } = settings;
  const name = `${model?.kind ?? "a damaged config"}${seeds > 1 ? ` x ${seeds} seeds` : ""}`;
  return [name, ...Object.entries(others).map(([path, value]) => `${path} ${valueWords(value)}`)];
}

/** The end of a name tells runs apart. */
const shortened = (name: string, width: number): string =>
  name.length <= width ? name : `…${name.slice(name.length - width + 1)}`;
