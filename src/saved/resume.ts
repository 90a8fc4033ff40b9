import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkpointsDir } from "../checkpoint/index.js";
import type { Config } from "../config/config.js";
import { CheckpointError, ConfigError, messageOf } from "../errors.js";
import { CONFIG_COPY } from "./run-directory.js";

/** Keys that may change when a run is resumed, because they do not affect the result of a step. */
const FREE_KEYS = [
  "train.epochs",
  "train.steps",
  "train.threads",
  "train.checkpoint",
  "data.cacheDir",
  "data.maxBadRows",
];

/**
 * Checks the run directory: a new run must not have checkpoints; a resumed run must have the same config.
 * @throws CheckpointError, ConfigError
 */
export function checkRunDirectory(runDir: string, config: Config, resume: boolean): void {
  if (resume) checkSameConfig(runDir, config);
  else checkNew(runDir);
}

function checkNew(runDir: string): void {
  if (existsSync(runDir) && !statSync(runDir).isDirectory())
    throw new CheckpointError({
      what: "the run directory is a file",
      where: runDir,
      got: "a file",
      expected: "a new directory",
      next: "Name another directory (--run).",
    });
  if (!existsSync(checkpointsDir(runDir))) return;
  throw new CheckpointError({
    what: "the run directory already has a run",
    where: runDir,
    got: "checkpoints/",
    expected: "a new directory",
    next: "Resume that run (--resume), or name another directory (--run).",
  });
}

function checkSameConfig(runDir: string, config: Config): void {
  const path = join(runDir, CONFIG_COPY);
  if (!existsSync(path))
    throw new CheckpointError({
      what: "there is no run to resume",
      where: runDir,
      got: `no ${CONFIG_COPY}`,
      expected: "a directory that `pairloom train` wrote",
      next: "Remove --resume to start a run, or name the run with --run.",
    });
  const before = readConfigCopy(path);
  const difference = firstDifference(before, JSON.parse(JSON.stringify(config)), "");
  if (!difference) return;
  throw new ConfigError({
    what: "the config differs from the one that the run started with",
    where: difference.path,
    got: difference.after,
    expected: difference.before,
    next: `Restore the value, or start a new run. Only ${FREE_KEYS.join(", ")} may change.`,
  });
}

function readConfigCopy(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const report = {
      what: "the config of the run cannot be read",
      where: path,
      got: messageOf(cause),
      expected: "the JSON that `pairloom train` wrote",
      next: "Restore it (the manifest.json of every checkpoint also contains it, under config), or start a new run.",
    };
    throw new CheckpointError(report, { cause });
  }
}

interface Difference {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

function firstDifference(before: unknown, after: unknown, path: string): Difference | undefined {
  if (FREE_KEYS.includes(path)) return undefined;
  if (!isObject(before) || !isObject(after)) {
    const [x, y] = [JSON.stringify(before), JSON.stringify(after)];
    return x === y ? undefined : { path, before: x ?? "nothing", after: y ?? "nothing" };
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const inner = Array.isArray(after) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
    const found = firstDifference(before[key], after[key], inner);
    if (found) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
