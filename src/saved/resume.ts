import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { checkpointsDir, DiskError, exists, findLatest, isAbsent, readText } from "../checkpoint/index.js";
import type { Config } from "../config/config.js";
import { CheckpointError, ConfigError } from "../errors.js";
import { shellWord } from "../shell-word.js";
import { membersDirectory } from "../train/members.js";
import { parseUntrusted } from "../untrusted.js";
import { recordedSettings } from "./code.js";
import { CONFIG_COPY } from "./run-directory.js";

/** How a run directory is used. */
export type RunStart = "new" | "resume" | "continue";

/** How long the training of a run is: may change when it is resumed. */
const LENGTH_KEYS = ["train.epochs", "train.steps"];

/** What only the first training of a run uses: new rows are one pass, whatever these say. */
const FIRST_TRAINING_KEYS = [...LENGTH_KEYS, "train.evaluateEvery", "train.earlyStopping"];

/** Keys that may change, because they do not affect the result of a step. */
const FREE_KEYS = [
  "train.threads",
  "train.plan",
  "train.placement",
  "train.stopOnDivergence",
  "train.checkpoint",
  "train.publish",
  "data.cacheDir",
  "data.maxBadRows",
  "features[].store",
  "search",
];

/** Keys that may also change when a run goes on on new rows: where they come from, and how fast it learns from them. */
const FREE_TO_GO_ON = [
  "data.continue",
  "train.initializeFrom",
  ...["dense", "embedding", "overrides[].dense", "overrides[].embedding"].flatMap((part) =>
    ["learningRate", "schedule"].map((key) => `train.optimizer.${part}.${key}`),
  ),
];

const freeKeys = (start: RunStart): readonly string[] =>
  start === "continue" ? [...FREE_KEYS, ...FREE_TO_GO_ON] : [...LENGTH_KEYS, ...FREE_KEYS];

/** @throws CheckpointError if there is a file in place of the run directory */
export function refuseFile(runDir: string): void {
  if (statSync(runDir, { throwIfNoEntry: false })?.isDirectory() !== false) return;
  throw new CheckpointError({
    what: "the run directory is a file",
    where: runDir,
    got: "a file",
    expected: "a new directory",
    next: "Name another directory (--run).",
  });
}

/**
 * Checks the run directory: a new run must not have checkpoints; a resumed run must have the same config, and one that goes on
 * the same model and features.
 * @param settings the values of `--set`, which are part of the config already
 * @throws CheckpointError, ConfigError
 */
export async function checkRunDirectory(
  runDir: string,
  config: Config,
  start: RunStart,
  settings: readonly string[] = [],
): Promise<void> {
  await (start === "new" ? checkNew(runDir) : checkSameConfig(runDir, config, start, settings));
}

async function checkNew(runDir: string): Promise<void> {
  const places = [checkpointsDir(runDir), membersDirectory(runDir)];
  const there = (await Promise.all(places.map(exists))).indexOf(true);
  if (there < 0) return;
  throw new CheckpointError({
    what: "the run directory already has a run",
    where: runDir,
    got: `${basename(places[there])}/`,
    expected: "a new directory",
    next: "Resume that run (--resume), train it on new rows (--continue), or name another directory (--run).",
  });
}

async function checkSameConfig(
  runDir: string,
  config: Config,
  start: RunStart,
  settings: readonly string[],
): Promise<void> {
  const free = freeKeys(start);
  const before = await configOfRun(runDir);
  const difference = firstDifference(before, JSON.parse(JSON.stringify(config)), "", free);
  if (!difference) return;
  const absent = (await recordedSettings(runDir)).filter((setting) => !settings.includes(setting));
  throw new ConfigError({
    what: hasNoEffect(difference.path, start)
      ? "new rows are trained on in one pass, so that this setting has no effect on them"
      : "the config differs from the one that the run started with",
    where: difference.path,
    got: difference.after,
    expected: difference.before,
    next:
      absent.length > 0
        ? `The run was started with ${absent.map((setting) => `--set ${shellWord(setting)}`).join(" ")}: repeat that, or start a new run.`
        : `Restore the value, or start a new run. Only ${free.join(", ")} may change.`,
  });
}

function hasNoEffect(path: string, start: RunStart): boolean {
  return start === "continue" && FIRST_TRAINING_KEYS.some((key) => `${path}.`.startsWith(`${key}.`));
}

/** The config copy of the run; if it is missing or damaged, the config in the newest valid checkpoint. */
async function configOfRun(runDir: string): Promise<unknown> {
  const path = join(runDir, CONFIG_COPY);
  try {
    return parseUntrusted(await readText(path));
  } catch (cause) {
    if (cause instanceof DiskError && !isAbsent(cause)) throw cause;
    const { checkpoint } = await findLatest(runDir);
    if (checkpoint) return checkpoint.manifest.config;
    const report = {
      what: "there is no run to resume",
      where: runDir,
      got: (await exists(path))
        ? `a damaged ${CONFIG_COPY} and no checkpoint`
        : `no ${CONFIG_COPY} and no checkpoint`,
      expected: "a directory that `pairloom train` wrote",
      next: "Remove --resume or --continue to start a run, or name the run with --run.",
    };
    throw new CheckpointError(report, { cause });
  }
}

interface Difference {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

function firstDifference(
  before: unknown,
  after: unknown,
  path: string,
  free: readonly string[],
): Difference | undefined {
  if (free.includes(path.replaceAll(/\[\d+\]/g, "[]"))) return undefined;
  if (!isObject(before) || !isObject(after)) {
    const [x, y] = [JSON.stringify(before), JSON.stringify(after)];
    return x === y ? undefined : { path, before: x ?? "nothing", after: y ?? "nothing" };
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const inner = Array.isArray(after) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
    const found = firstDifference(before[key], after[key], inner, free);
    if (found) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
