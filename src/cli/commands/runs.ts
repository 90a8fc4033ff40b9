import { existsSync, statSync } from "node:fs";
import { differencesOf, type Settings } from "../../config/differences.js";
import { CheckpointError } from "../../errors.js";
import { directionOf, type WatchedMetric, watchedMetricSchema } from "../../metrics/index.js";
import { isRun, type RunSummary, runsIn } from "../../run/run-summary.js";
import { runsTable } from "../runs-table.js";
import { command, UsageError } from "../usage.js";

export const runs = command(
  "runs",
  {
    directory: { type: "positional", description: "Directory of runs (default runs)", required: false },
    metric: {
      type: "string",
      valueHint: "name",
      description: "The metric to show and sort by, such as logLoss (default train.metric of the newest run)",
    },
    json: { type: "boolean", description: "Print JSON instead of a table" },
  },
  async (args) => {
    const directory = args.directory ?? "runs";
    const found = await runsOf(directory);
    const metric = metricOption(args.metric) ?? metricOf(found);
    const sorted = bestFirst(found, metric);
    const settings = differencesOf(sorted.map(({ config }) => config));
    console.log(
      args.json
        ? JSON.stringify(sorted.map((run, i) => jsonOf(run, settings[i])))
        : runsTable(sorted, settings, metric),
    );
  },
);

async function runsOf(directory: string): Promise<RunSummary[]> {
  const isDirectory = statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const found = isDirectory && !isRun(directory) ? await runsIn(directory) : [];
  if (found.length > 0) return found;
  throw new CheckpointError({
    what: "there are no runs here",
    where: directory,
    got: isDirectory ? (isRun(directory) ? "a run itself" : "no run directories") : notThere(directory),
    expected: "a directory such as runs/, whose folders `pairloom train` or `pairloom search` wrote",
    next: "Name the directory that contains the runs.",
  });
}

const notThere = (path: string): string => (existsSync(path) ? "a file" : "nothing there");

function metricOption(text: string | undefined): WatchedMetric | undefined {
  const parsed = watchedMetricSchema.optional().safeParse(text);
  if (parsed.success) return parsed.data;
  throw new UsageError({
    what: "--metric has an unknown value",
    got: text,
    expected: "a metric that train.metric takes",
    next: "For example --metric logLoss.",
  });
}

/** `train.metric` of the newest run. */
function metricOf(found: readonly RunSummary[]): WatchedMetric {
  const [newest] = [...found].sort((a, b) => b.when.getTime() - a.when.getTime());
  const { train } = (newest.config ?? {}) as { train?: { metric?: unknown } };
  return watchedMetricSchema.safeParse(train?.metric).data ?? "auc";
}

/** By the validation metric, or else by the test metric; runs without either come last. */
function bestFirst(found: readonly RunSummary[], metric: WatchedMetric): RunSummary[] {
  const sign = directionOf(metric) === "max" ? -1 : 1;
  const measureOf = ({ valid, test }: RunSummary) => valid[metric] ?? test[metric];
  const measured = found.filter((run) => measureOf(run) !== undefined);
  const sorted = measured.sort((a, b) => sign * (measureOf(a)! - measureOf(b)!));
  return [...sorted, ...found.filter((run) => measureOf(run) === undefined)];
}

function jsonOf({ config, when, ...run }: RunSummary, settings: Settings) {
  const { model, train } = config as { model?: { kind?: string }; train?: { seeds?: number } };
  return { ...run, when: when.toISOString(), model: model?.kind, seeds: train?.seeds ?? 1, settings };
}
