import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type Checkpoint, checkpointsDir, readCheckpoint, readPointer } from "../checkpoint/index.js";
import { stepOfName } from "../checkpoint/paths.js";
import { CheckpointError, PairloomError } from "../errors.js";
import { isBetter } from "../metrics/metric.js";
import { directionOf, type WatchedMetric } from "../metrics/metrics.js";
import { nearNames } from "../near-names.js";

/** Selects a checkpoint of a run: the best on the validation split, the latest, or a step. */
export type CheckpointChoice = "best" | "latest" | number;
/** Called if another checkpoint than the requested one is used. */
export type Warn = (message: string) => void;

/**
 * Finds the checkpoint to score with: of a run directory, or `path` itself if it is a checkpoint. Verifies every byte
 * of its model, but not the optimizer state. If the best or the latest is damaged, the next valid one is used.
 * @param choice default: the best if the validation split was measured, else the latest
 * @throws CheckpointError if there is none, or it is damaged
 */
export async function findCheckpoint(
  path: string,
  choice?: CheckpointChoice,
  warn: Warn = (message) => process.emitWarning(message),
): Promise<Checkpoint> {
  if (existsSync(join(path, "manifest.json"))) return readSound(path);
  if (!existsSync(checkpointsDir(path))) throw notARun(path);
  const dirs = checkpointDirs(path);
  if (typeof choice === "number")
    return readSound(dirs.find((dir) => stepOf(dir) === choice) ?? noStep(path, choice));
  if (choice === "latest") return firstSound(path, dirs, warn);
  const pointer = await readPointer(path, "best");
  const measured = pointer || existsSync(join(checkpointsDir(path), "best.json"));
  if (measured || choice === "best") {
    const ranked = await bestFirst(dirs);
    if (ranked.length === 0 && choice === "best") throw unmeasured(path);
    const chosen = pointer ? [join(checkpointsDir(path), pointer.checkpoint)] : [];
    return firstSound(path, [...new Set([...chosen, ...ranked, ...dirs])], warn);
  }
  return firstSound(path, dirs, warn);
}

/** Newest first. */
function checkpointDirs(runDir: string): string[] {
  const root = checkpointsDir(runDir);
  const names = readdirSync(root).filter((name) => stepOfName(name) !== undefined);
  return names.sort((a, b) => stepOfName(b)! - stepOfName(a)!).map((name) => join(root, name));
}

const stepOf = (dir: string) => stepOfName(basename(dir));

/** Checkpoints measured on the validation split, best first, by the metric in the config. */
async function bestFirst(dirs: readonly string[]): Promise<string[]> {
  const read = await Promise.all(dirs.map((dir) => readCheckpoint(dir, []).catch(() => undefined)));
  const values = read.flatMap((checkpoint) => {
    const config = checkpoint?.manifest.config as { train?: { metric?: WatchedMetric } } | undefined;
    const metric = config?.train?.metric ?? "auc";
    const value = checkpoint?.manifest.metrics[metric];
    return value === undefined ? [] : [{ dir: checkpoint!.dir, value, metric }];
  });
  const better = (a: (typeof values)[number], b: (typeof values)[number]) =>
    isBetter(a.value, b.value, directionOf(a.metric));
  return values.sort((a, b) => (better(a, b) ? -1 : better(b, a) ? 1 : 0)).map(({ dir }) => dir);
}

async function firstSound(runDir: string, dirs: readonly string[], warn: Warn): Promise<Checkpoint> {
  const faults: string[] = [];
  for (const dir of dirs) {
    const found = await readSound(dir).catch(soundless);
    if (!(found instanceof PairloomError)) {
      for (const fault of faults) warn(`${fault}\nTaking ${found.name} instead.`);
      return found;
    }
    faults.push(found.message);
  }
  throw new CheckpointError({
    what: "the run has no sound checkpoint",
    where: checkpointsDir(runDir),
    got: faults[0] ?? "no checkpoints",
    next: "Train it again, or look at what is in that folder.",
  });
}

function soundless(error: unknown): PairloomError {
  if (error instanceof PairloomError) return error;
  throw error;
}

async function readSound(dir: string): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(dir, ["model"]);
  await (await checkpoint.openModel()).close();
  return checkpoint;
}

function noStep(path: string, step: number): never {
  const steps = checkpointDirs(path).map(stepOf).reverse();
  throw new CheckpointError({
    what: "the run has no checkpoint of this step",
    where: checkpointsDir(path),
    got: String(step),
    expected: `best, latest, or one of ${steps.join(", ") || "none: there are no checkpoints"}`,
    next: "Choose one of them; train.checkpoint.keep says how many a run keeps.",
  });
}

function unmeasured(path: string): CheckpointError {
  return new CheckpointError({
    what: "no checkpoint of this run has been measured on the validation split",
    where: checkpointsDir(path),
    next: "Use the latest checkpoint, or continue training until the first evaluation.",
  });
}

function notARun(path: string): CheckpointError {
  const folder = dirname(resolve(path));
  const runs = existsSync(folder)
    ? readdirSync(folder).filter((name) => existsSync(checkpointsDir(join(folder, name))))
    : [];
  const near = nearNames(basename(path), runs).slice(0, 5);
  return new CheckpointError({
    what: existsSync(path) ? "this is not a run directory" : "the run directory does not exist",
    where: path,
    got: existsSync(path) ? "a place without checkpoints/" : "nothing there",
    expected:
      near.length > 0
        ? `a run, such as ${near.map((name) => relative("", join(folder, name))).join(", ")}`
        : "a directory that `pairloom train` wrote",
    next: "Name a run directory or one of its checkpoints.",
  });
}
