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

/** A directory named like a checkpoint that does not verify. */
export interface Rejected {
  dir: string;
  error: PairloomError;
}

export interface Found {
  checkpoint?: Checkpoint;
  /** Newer directories that were passed over, newest first: worth a warning. */
  rejected: Rejected[];
}

/**
 * The newest checkpoint of a run that verifies: its manifest and sizes, and with `checksums` (what a resume wants)
 * every byte. No checkpoint at all is not an error.
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

/** Every checkpoint of a run whose manifest and sizes verify, oldest first. */
export async function listCheckpoints(runDir: string): Promise<Checkpoint[]> {
  const opened: Checkpoint[] = [];
  for (const dir of await candidates(runDir)) {
    const found = await openOrReject(dir, false);
    if (!("error" in found)) opened.push(found);
  }
  return opened;
}

/** The checkpoint that `best.json` points to. @throws CheckpointError when there is none or it does not verify */
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

/** What `latest.json` and `best.json` hold. */
export type Pointer = z.infer<typeof pointerSchema>;
type PointerName = "latest" | "best";

/**
 * Rewrites `latest.json`, and `best.json` for `metric`, from the manifests on disk; the older of two equal values is
 * best. Computed anew each time, the pointers cannot disagree with the checkpoints for longer than one crash.
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

/** A pointer as it stands, without opening what it points to; undefined when it is missing or unreadable. */
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

/** Directories named like checkpoints, oldest step first. */
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
