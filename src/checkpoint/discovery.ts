import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CheckpointError, PairloomError } from "../errors.js";
import { isBetter } from "../metrics/metric.js";
import { directionOf, type WatchedMetric } from "../metrics/metrics.js";
import { watchedMetricSchema } from "../metrics/watched-metric.js";
import { type Checkpoint, readCheckpoint } from "./checkpoint.js";
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
 */
export async function findLatest(runDir: string, { checksums = false } = {}): Promise<Found> {
  const rejected: Rejected[] = [];
  for (const dir of (await candidates(runDir)).reverse()) {
    const opened = await openOrReject(dir, checksums);
    if (!("error" in opened)) return { checkpoint: opened, rejected };
    rejected.push(opened);
  }
  return { rejected };
}

/** All checkpoints of a run with valid manifests and sizes, oldest first. */
export async function listCheckpoints(runDir: string): Promise<Checkpoint[]> {
  const opened: Checkpoint[] = [];
  for (const dir of await candidates(runDir)) {
    const found = await openOrReject(dir, false);
    if (!("error" in found)) opened.push(found);
  }
  return opened;
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

/**
 * Rewrites `latest.json`, and `best.json` for `metric`, from the manifests on disk; of two equal values the older is
 * best. Because pointers are recomputed each time, a crash cannot leave them wrong for long.
 */
export async function updatePointers(runDir: string, metric?: WatchedMetric): Promise<void> {
  const checkpoints = await listCheckpoints(runDir);
  const latest = checkpoints.at(-1);
  if (latest) await writePointer(runDir, "latest", { checkpoint: latest.name, step: latest.manifest.step });
  const best = metric && bestOf(checkpoints, metric);
  if (!best) return;
  const { step, metrics } = best.manifest;
  await writePointer(runDir, "best", { checkpoint: best.name, step, metric, value: metrics[metric] });
}

/** Reads a pointer without opening its target; undefined if it is missing or unreadable. */
export async function readPointer(runDir: string, name: PointerName): Promise<Pointer | undefined> {
  const text = await readFile(pointerPath(runDir, name), "utf8").catch(() => "");
  try {
    return pointerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function bestOf(checkpoints: Checkpoint[], metric: WatchedMetric): Checkpoint | undefined {
  const measured = (checkpoint?: Checkpoint) => checkpoint?.manifest.metrics[metric] ?? null;
  let best: Checkpoint | undefined;
  for (const checkpoint of checkpoints) {
    const value = measured(checkpoint);
    if (value !== null && isBetter(value, measured(best), directionOf(metric))) best = checkpoint;
  }
  return best;
}

function writePointer(runDir: string, name: PointerName, pointer: Pointer): Promise<void> {
  return replaceFile(pointerPath(runDir, name), `${JSON.stringify(pointer)}\n`);
}

const pointerPath = (runDir: string, name: PointerName) => join(checkpointsDir(runDir), `${name}.json`);

/** Checkpoint directories by name, oldest step first. */
async function candidates(runDir: string): Promise<string[]> {
  const root = checkpointsDir(runDir);
  const names = await readdir(root).catch(() => [] as string[]);
  const steps = names
    .map((name) => ({ name, step: stepOfName(name) }))
    .filter(({ step }) => step !== undefined);
  return steps.sort((a, b) => a.step! - b.step!).map(({ name }) => join(root, name));
}

async function openOrReject(dir: string, checksums: boolean): Promise<Checkpoint | Rejected> {
  try {
    const checkpoint = await readCheckpoint(dir);
    if (checksums) await checkpoint.verify();
    return checkpoint;
  } catch (error) {
    if (error instanceof PairloomError) return { dir, error };
    throw error;
  }
}
