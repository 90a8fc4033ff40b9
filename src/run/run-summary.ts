import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isLocked, readPointer } from "../checkpoint/index.js";
import { CONFIG_COPY, REPORT, readJson } from "../saved/run-directory.js";
import { METRICS_FILE, type MetricsLine, readMetrics } from "../train/log/metrics-log.js";
import { inNumericOrder, memberDirectories } from "../train/members.js";

/** `stopped`: interrupted or killed; `--resume` continues it. */
export type RunStatus = "running" | "stopped" | "finished" | "diverged";

/** Metrics by name; those that are undefined are left out. */
export type RunMetrics = Readonly<Record<string, number>>;

/** What a run directory says about its run. */
export interface RunSummary {
  /** The name of the directory. */
  readonly name: string;
  readonly directory: string;
  /** When it started. */
  readonly when: Date;
  readonly status: RunStatus;
  /** The resolved config. */
  readonly config: unknown;
  /** Training steps done, up to the last measurement. */
  readonly steps: number;
  /** Of the best checkpoint, or of the last evaluation. Of a run of several seeds that has not ended: the mean of its members. */
  readonly valid: RunMetrics;
  /** Empty until the run has ended. */
  readonly test: RunMetrics;
  /** From the start to the report, or to the last measurement. */
  readonly seconds: number;
}

/** Whether a directory has a run. */
export const isRun = (directory: string): boolean => existsSync(join(directory, CONFIG_COPY));

/** The runs in a directory, by name. */
export async function runsIn(directory: string): Promise<RunSummary[]> {
  const folders = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const runs = folders.map(({ name }) => name).filter((name) => isRun(join(directory, name)));
  return Promise.all(runs.sort(inNumericOrder).map((name) => summaryOf(directory, name)));
}

async function summaryOf(parent: string, name: string): Promise<RunSummary> {
  const directory = join(parent, name);
  const report = (await readJson(directory, REPORT)) as SavedReport | undefined;
  const lines = linesIn(directory);
  const measured = finiteOf(report?.results?.[0] ?? {});
  const valid = await validMetrics(directory, lines);
  return {
    name,
    directory,
    when: statSync(join(directory, CONFIG_COPY)).mtime,
    status: await statusOf(directory, report),
    config: await readJson(directory, CONFIG_COPY),
    steps: report?.training?.step ?? lines.at(-1)?.step ?? 0,
    valid: report?.measuredOn === "valid" ? { ...valid, ...measured } : valid,
    test: report?.measuredOn === "test" ? measured : {},
    seconds: report?.seconds?.total ?? (lines.at(-1)?.time ?? 0) - (lines[0]?.time ?? 0),
  };
}

/** The parts of a report that a summary needs; a report may be of another version. */
interface SavedReport {
  readonly seconds?: { readonly total?: number };
  readonly training?: { readonly reason?: string; readonly step?: number };
  readonly measuredOn?: string;
  readonly results?: readonly Readonly<Record<string, unknown>>[];
}

async function validMetrics(directory: string, lines: readonly MetricsLine[]): Promise<RunMetrics> {
  const best = await readPointer(directory, "best");
  const members = memberDirectories(directory);
  if (best === undefined && members.length > 0)
    return meanOf(await Promise.all(members.map((member) => validMetrics(member, linesIn(member)))));
  const evaluations = lines.filter(({ split }) => split === "valid").reverse();
  const evaluation = evaluations.find(({ step }) => step === best?.step) ?? evaluations[0];
  return finiteOf(evaluation?.values ?? {});
}

const linesIn = (directory: string): MetricsLine[] => {
  const path = join(directory, METRICS_FILE);
  return existsSync(path) ? readMetrics(path) : [];
};

/** The means over the members of a run that were measured. */
function meanOf(members: readonly RunMetrics[]): RunMetrics {
  const measured = members.filter((metrics) => Object.keys(metrics).length > 0);
  const names = Object.keys(measured[0] ?? {});
  const mean = (name: string) => measured.reduce((sum, metrics) => sum + metrics[name], 0) / measured.length;
  return Object.fromEntries(
    names.filter((name) => measured.every((each) => name in each)).map((name) => [name, mean(name)]),
  );
}

function finiteOf(values: Readonly<Record<string, unknown>>): RunMetrics {
  const numbers = Object.entries(values).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return Object.fromEntries(numbers.filter(([name]) => name !== "rows"));
}

async function statusOf(directory: string, report: SavedReport | undefined): Promise<RunStatus> {
  if (await isLocked(directory)) return "running";
  const reason = report?.training?.reason;
  if (reason !== undefined && reason !== "interrupted") return "finished";
  return hasDiverged(directory) ? "diverged" : "stopped";
}

/** A run that diverges leaves the rows of its last step, in its directory or in that of a member. */
function hasDiverged(directory: string): boolean {
  return [directory, ...memberDirectories(directory)].some((place) =>
    readdirSync(place).some((name) => /^diverged-step-\d+\.jsonl$/.test(name)),
  );
}
