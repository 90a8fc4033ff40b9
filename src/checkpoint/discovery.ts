import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { CheckpointError, type PairloomError } from "../errors.js";
import { isBetter } from "../metrics/metric.js";
import { directionOf, type WatchedMetric } from "../metrics/metrics.js";
import { watchedMetricSchema } from "../metrics/watched-metric.js";
import { parseUntrusted } from "../untrusted.js";
import { type Checkpoint, type Part, readCheckpoint } from "./checkpoint.js";
import { DiskError, isAbsent, isDamage, namesIn, onDisk, readText, unlessAbsent } from "./disk.js";
import { replaceFile } from "./durable.js";
import { checkpointsDir, stepOfName } from "./paths.js";

/** A checkpoint directory that failed verification. */
export interface Rejected {
  dir: string;
  error: PairloomError;
}

export interface Found {
  checkpoint?: Checkpoint;
  /** Newer directories that were skipped, newest first. Callers should warn about them. */
  rejected: Rejected[];
}

/**
 * The newest valid checkpoint of a run: its manifest and sizes, and with `checksums` (used by resume) every byte, are
 * verified. Having no checkpoint is not an error.
 * @throws DiskError if a newer directory cannot be read, so that nobody knows whether it is valid
 */
export async function findLatest(runDir: string, { checksums = false } = {}): Promise<Found> {
  const rejected: Rejected[] = [];
  for (const dir of (await checkpointDirs(runDir)).reverse()) {
    const opened = await openOrReject(dir, { checksums });
    if (!("error" in opened)) return { checkpoint: opened, rejected };
    rejected.push(opened);
  }
  return { rejected };
}

/** The checkpoints of a run with valid manifests and sizes, oldest first, up to a step. @throws DiskError if one cannot be read */
export async function listCheckpoints(
  runDir: string,
  { lastStep = Number.POSITIVE_INFINITY, parts }: { lastStep?: number; parts?: readonly Part[] } = {},
): Promise<Checkpoint[]> {
  const opened = new Map<string, Checkpoint>();
  for (const dir of await checkpointDirs(runDir)) {
    if (stepOfName(basename(dir))! > lastStep) break;
    const found = await openOrReject(dir, { parts, known: opened });
    if (!("error" in found)) opened.set(dir, found);
  }
  return [...opened.values()];
}

/**
 * The checkpoint that `best.json` points to.
 * @throws CheckpointError if there is none or it is invalid
 */
export async function findBest(runDir: string): Promise<Checkpoint> {
  const pointer = await readPointer(runDir, "best");
  if (pointer) return readCheckpoint(join(checkpointsDir(runDir), pointer.checkpoint));
  throw new CheckpointError({
    what: "no checkpoint of this run has been measured on the validation split",
    where: checkpointsDir(runDir),
    next: "Use the latest checkpoint, or continue training until the first evaluation.",
  });
}

const pointerSchema = z.strictObject({
  checkpoint: z.string().refine((name) => stepOfName(name) !== undefined),
  step: z.number().int().nonnegative(),
  metric: watchedMetricSchema.optional(),
  value: z.number().optional(),
});

/** The content of `latest.json` and `best.json`. */
export type Pointer = z.infer<typeof pointerSchema>;
type PointerName = "latest" | "best";
const MAX_POINTER_BYTES = 2 ** 16;

/**
 * Rewrites `best.json` for `metric`, then `latest.json`, from the manifests on disk. So `best.json` is up to date
 * whenever `latest.json` names the newest checkpoint. Of two equal values the older is best.
 * @param newest the newest valid checkpoint, if known; directories of later steps are ignored
 * @returns the valid checkpoints up to the newest, oldest first
 */
export async function updatePointers(
  runDir: string,
  metric?: WatchedMetric,
  newest?: Checkpoint,
): Promise<Checkpoint[]> {
  const checkpoints = await listCheckpoints(runDir, { lastStep: newest?.manifest.step });
  const [best] = metric ? bestFirst(checkpoints, metric) : [];
  if (best) {
    const { step, metrics } = best.manifest;
    await writePointer(runDir, "best", { checkpoint: best.name, step, metric, value: metrics[metric!] });
  } else if (checkpoints.at(-1)?.manifest.stretch !== undefined) await removePointer(runDir, "best");
  const latest = checkpoints.at(-1);
  if (latest) await writePointer(runDir, "latest", { checkpoint: latest.name, step: latest.manifest.step });
  return checkpoints;
}

/** Reads a pointer without opening its target; undefined if it is missing or damaged. @throws DiskError */
export async function readPointer(runDir: string, name: PointerName): Promise<Pointer | undefined> {
  try {
    const text = await readText(pointerPath(runDir, name), MAX_POINTER_BYTES);
    return pointerSchema.parse(parseUntrusted(text));
  } catch (error) {
    if (error instanceof DiskError && !isAbsent(error)) throw error;
    return undefined;
  }
}

/**
 * The measured ones of the checkpoints, given oldest first: best first, and the older first of two equal ones. A run that goes
 * on on new rows is better than what it was before, so that only checkpoints of the newest stretch count.
 */
function bestFirst(checkpoints: readonly Checkpoint[], metric: WatchedMetric): Checkpoint[] {
  const newest = checkpoints.at(-1)?.manifest.stretch;
  const measured = ({ manifest }: Checkpoint) => manifest.metrics[metric];
  const better = (a: Checkpoint, b: Checkpoint) => isBetter(measured(a), measured(b), directionOf(metric));
  return checkpoints
    .filter((each) => each.manifest.stretch === newest && measured(each) !== undefined)
    .sort((a, b) => Number(better(b, a)) - Number(better(a, b)));
}

/**
 * The checkpoints of a run that were measured on the validation split, best first by the metric of their config: what
 * `best.json` says, also where a killed run has not updated it.
 * @param parts the parts whose files must exist; default all
 */
export async function measuredBestFirst(runDir: string, parts?: readonly Part[]): Promise<Checkpoint[]> {
  const checkpoints = await listCheckpoints(runDir, { parts });
  const config = checkpoints.at(-1)?.manifest.config as { train?: { metric?: unknown } } | undefined;
  return bestFirst(checkpoints, watchedMetricSchema.safeParse(config?.train?.metric).data ?? "auc");
}

function writePointer(runDir: string, name: PointerName, pointer: Pointer): Promise<void> {
  return replaceFile(pointerPath(runDir, name), `${JSON.stringify(pointer)}\n`);
}

function removePointer(runDir: string, name: PointerName): Promise<void> {
  const path = pointerPath(runDir, name);
  return onDisk("it cannot be removed", path, () => rm(path, { force: true }));
}

const pointerPath = (runDir: string, name: PointerName) => join(checkpointsDir(runDir), `${name}.json`);

/** The checkpoint directories of a run by name, oldest step first, complete or not. */
export async function checkpointDirs(runDir: string): Promise<string[]> {
  const root = checkpointsDir(runDir);
  const names = (await unlessAbsent(namesIn(root))) ?? [];
  const steps = names
    .map((name) => ({ name, step: stepOfName(name) }))
    .filter(({ step }) => step !== undefined);
  return steps.sort((a, b) => a.step! - b.step!).map(({ name }) => join(root, name));
}

async function openOrReject(
  dir: string,
  {
    checksums = false,
    parts,
    known,
  }: { checksums?: boolean; parts?: readonly Part[]; known?: ReadonlyMap<string, Checkpoint> },
): Promise<Checkpoint | Rejected> {
  try {
    const checkpoint = await readCheckpoint(dir, parts, known);
    if (checksums) await checkpoint.verify();
    return checkpoint;
  } catch (error) {
    if (isDamage(error)) return { dir, error };
    throw error;
  }
}
