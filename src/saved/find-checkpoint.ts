import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import {
  type Checkpoint,
  checkpointDirs,
  checkpointsDir,
  exists,
  isDamage,
  measuredBestFirst,
  readCheckpoint,
  readPointer,
} from "../checkpoint/index.js";
import { stepOfName } from "../checkpoint/paths.js";
import { broadcastJson, SOLO, type World } from "../distributed/world.js";
import { CheckpointError, messageOf, PairloomError } from "../errors.js";
import { nearNames } from "../near-names.js";
import { membersDirectory } from "../train/members.js";
import { CONFIG_COPY } from "./run-directory.js";

/** Selects a checkpoint of a run: the best on the validation split, the latest, or a step. */
export type CheckpointChoice = "best" | "latest" | number;
/** Called if another checkpoint than the requested one is used. */
export type Warn = (message: string) => void;

/**
 * Finds the checkpoint to score with: of a run directory, or `path` itself if it is a checkpoint. Verifies every byte
 * of its model, but not the optimizer state. If the best or the latest is damaged, the next valid one is used.
 * @param choice default: the best if the validation split was measured, else the latest
 * @throws CheckpointError if there is none, or it is damaged; DiskError if a preferred one cannot be read now
 */
export async function findCheckpoint(
  path: string,
  choice?: CheckpointChoice,
  warn: Warn = (message) => process.emitWarning(message),
): Promise<Checkpoint> {
  if (await exists(join(path, "manifest.json"))) return readSound(path);
  if (!(await exists(checkpointsDir(path)))) throw await nothingSaved(path);
  const dirs = (await checkpointDirs(path)).reverse();
  if (typeof choice === "number" && !dirs.some((dir) => stepOf(dir) === choice))
    throw noStep(path, choice, dirs.map(stepOf).reverse());
  const found = await firstSound(path, preferred(path, choice, dirs), warn);
  return found ?? findCheckpoint(path, choice, warn);
}

/**
 * Finds a checkpoint and uses it: another one if a training process removes it meanwhile.
 * @param world of ranks that all find and use it, and fail together; rank 0 sees whether it has been removed
 * @throws what {@link findCheckpoint} and `use` throw
 */
export async function withCheckpoint<C extends Pick<Checkpoint, "dir">, T>(
  find: () => Promise<C>,
  use: (checkpoint: C) => Promise<T>,
  world: World = SOLO,
): Promise<T> {
  for (;;) {
    const checkpoint = await find();
    try {
      return await use(checkpoint);
    } catch (error) {
      // One that is not of Pairloom may be of this rank alone, which then ends the others.
      if (world.size > 1 && !(error instanceof PairloomError)) throw error;
      const isThere = world.rank === 0 ? await exists(checkpoint.dir) : undefined;
      if (await broadcastJson(world, isThere)) throw error;
    }
  }
}

const stepOf = (dir: string) => stepOfName(basename(dir));

/** The directories in order of preference. */
async function* preferred(
  path: string,
  choice: CheckpointChoice | undefined,
  newestFirst: readonly string[],
) {
  if (typeof choice === "number") return yield* newestFirst.filter((dir) => stepOf(dir) === choice);
  if (choice === "latest") return yield* newestFirst;
  const pointed = await currentBest(path, newestFirst);
  if (pointed !== undefined) yield pointed;
  const ranked = (await measuredBestFirst(path, [])).map(({ dir }) => dir);
  if (ranked.length === 0 && choice === "best" && pointed === undefined) throw unmeasured(path);
  yield* new Set([...ranked, ...newestFirst].filter((dir) => dir !== pointed));
}

/** What `best.json` names, if the pointers were updated after the newest checkpoint was written. */
async function currentBest(path: string, newestFirst: readonly string[]): Promise<string | undefined> {
  const [latest, best] = [await readPointer(path, "latest"), await readPointer(path, "best")];
  const isCurrent = latest !== undefined && latest.step === stepOf(newestFirst[0] ?? "");
  return isCurrent ? newestFirst.find((dir) => basename(dir) === best?.checkpoint) : undefined;
}

/** The first that is not damaged; undefined if one was removed meanwhile, so that the list is out of date. */
async function firstSound(
  runDir: string,
  dirs: AsyncIterable<string>,
  warn: Warn,
): Promise<Checkpoint | undefined> {
  const faults: string[] = [];
  for await (const dir of dirs) {
    const found = await readSound(dir).catch(damageOf);
    if (!(found instanceof PairloomError)) {
      for (const fault of faults) warn(`${fault}\nTaking ${found.name} instead.`);
      return found;
    }
    if (!(await exists(dir))) return undefined;
    faults.push(messageOf(found));
  }
  throw new CheckpointError({
    what: "the run has no sound checkpoint",
    where: checkpointsDir(runDir),
    got: faults[0] ?? "no checkpoints",
    next: "Train it again, or look at what is in that folder.",
  });
}

function damageOf(error: unknown): PairloomError {
  if (isDamage(error)) return error;
  throw error;
}

async function readSound(dir: string): Promise<Checkpoint> {
  const checkpoint = await readCheckpoint(dir, ["model"]);
  await (await checkpoint.openModel()).close();
  return checkpoint;
}

function noStep(path: string, step: number, steps: readonly unknown[]): CheckpointError {
  return new CheckpointError({
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

async function nothingSaved(path: string): Promise<CheckpointError> {
  if (await exists(membersDirectory(path))) return incomplete(path);
  return (await exists(join(path, CONFIG_COPY))) ? noCheckpointYet(path) : notARun(path);
}

/** A run that is in its first steps, was killed in them, or whose loss diverged. */
function noCheckpointYet(path: string): CheckpointError {
  return new CheckpointError({
    what: "the run has no checkpoint, so there is no model yet",
    where: path,
    got: `${CONFIG_COPY}, and no checkpoints/`,
    expected: "a run that was saved: at an evaluation, at its end, or by Ctrl-C",
    next: "Wait if it still trains. If it has stopped, train again; if its loss diverged, lower train.optimizer.*.learningRate first.",
  });
}

/** A run with members that was killed before it saved its model. */
function incomplete(path: string): CheckpointError {
  return new CheckpointError({
    what: "the run has not saved a model yet",
    where: path,
    got: `${basename(membersDirectory(path))}/ with the members that it has trained, in part or completely`,
    expected: "a run that ended, or was interrupted with Ctrl-C",
    next: "Continue the run with --resume, or name the run directory of a member.",
  });
}

/** The error for a path that is no run; it names runs beside it or in it. */
export function notARun(path: string): CheckpointError {
  const [inside, beside] = [runsIn(path), runsIn(dirname(resolve(path)))];
  const near = inside.length > 0 ? inside : nearNames(resolve(path), beside);
  const runs = near.slice(0, 5).map((run) => relative("", run));
  const isThere = existsSync(path);
  return new CheckpointError({
    what: isThere ? "this is not a run directory" : "the run directory does not exist",
    where: path,
    got: isThere ? `neither ${CONFIG_COPY} nor checkpoints/` : "nothing there",
    expected:
      runs.length > 0 ? `a run, such as ${runs.join(", ")}` : "a directory that `npx pairloom train` wrote",
    next: "Name a run directory or one of its checkpoints.",
  });
}

/** The runs with checkpoints in a directory; none if there is none. */
function runsIn(folder: string): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  return readdirSync(folder)
    .map((name) => join(resolve(folder), name))
    .filter((run) => existsSync(checkpointsDir(run)));
}
