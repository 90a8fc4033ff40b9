import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import {
  type Checkpoint,
  type CheckpointContent,
  checkpointsDir,
  findBest,
  findLatest,
  MANIFEST_FILE,
  pruneCheckpoints,
  readPointer,
  updatePointers,
  writeCheckpoint,
} from "../checkpoint/index.js";
import { CheckpointError, messageOf, type PairloomError } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";
import { readFittedFeatures } from "../features/read-fitted.js";
import type { WatchedMetric } from "../metrics/metrics.js";
import { WRONG_CHECKPOINT_NEXT } from "./training-state.js";

/** Identifies the data that a run's positions refer to. If it differs, the same steps would read other rows. */
const readerSchema = z.object({
  rows: z.number().int().nonnegative(),
  batchSize: z.number().int().positive(),
  /** The fingerprint of the training split, if it has one. */
  data: z.string().optional(),
});
export type ReaderIdentity = Readonly<z.infer<typeof readerSchema>>;

/** See `train.checkpoint` of the config. */
export interface CheckpointSettings {
  readonly keep: number;
  readonly full?: { readonly every: number };
}

/** The content of a complete checkpoint, or of one with the changes to an older one. */
export type ContentOf = (changesTo?: Checkpoint) => CheckpointContent | Promise<CheckpointContent>;

/**
 * Finishes what a process has left undone that was killed after it had written the newest checkpoint. The caller holds the lock of
 * the run directory.
 * @param prune false: keep all older checkpoints for now
 */
export async function settleAfter(
  newest: Checkpoint,
  runDir: string,
  settings: CheckpointSettings & { readonly metric: WatchedMetric },
  prune = true,
): Promise<void> {
  const checkpoints = new RunCheckpoints(runDir, settings);
  checkpoints.goOn(newest, true);
  await checkpoints.settle(prune);
}

/** The checkpoints that a run writes and resumes from. The caller holds the lock of the run directory. */
export class RunCheckpoints {
  /** The newest checkpoint, if this process read or wrote it, so that it is certainly on disk. */
  private newest?: Checkpoint;
  /** True if the state goes on from that of the newest checkpoint. */
  private isBase = true;
  /** True if pointers and pruning are done for the newest checkpoint. */
  private settled = false;

  constructor(
    private readonly runDir: string,
    private readonly settings: CheckpointSettings & { readonly metric: WatchedMetric },
  ) {}

  /**
   * The newest valid checkpoint, if there is one. Changes nothing on disk: call {@link settle} when the run can go on from it.
   * @param passedOver called with newer checkpoints that are damaged
   * @throws CheckpointError if no checkpoint can be read, though there are some, and if the data or its features are not
   * those with which the run began
   */
  async resume(
    reader: ReaderIdentity,
    features: FittedFeatures,
    passedOver: (dir: string, error: PairloomError) => void,
  ): Promise<Checkpoint | undefined> {
    const { checkpoint, rejected } = await findLatest(this.runDir, { checksums: true });
    for (const { dir, error } of rejected) passedOver(dir, error);
    if (!checkpoint && rejected.length > 0) throw unreadable(this.runDir, rejected[0].error);
    if (!checkpoint) return undefined;
    checkReader(checkpoint, reader);
    checkFeatures(checkpoint, features);
    this.newest = checkpoint;
    return checkpoint;
  }

  /**
   * Goes on after the newest checkpoint of the run, with other data.
   * @param isBase false: the next checkpoint is complete, because the state is not that of the newest one
   */
  goOn(newest: Checkpoint, isBase: boolean): void {
    this.newest = newest;
    this.isBase = isBase;
  }

  /**
   * Writes a checkpoint unless this step is already saved; returns its directory if it was written.
   * @param prune false: keep all older checkpoints for now
   */
  async save(step: number, content: ContentOf, { prune = true } = {}): Promise<string | undefined> {
    const isSaved = this.newest?.manifest.step === step;
    if (!isSaved) {
      this.newest = await writeCheckpoint(this.runDir, await content(this.nextBase));
      this.settled = false;
      this.isBase = true;
    }
    await this.settle(prune);
    return isSaved ? undefined : this.newest!.dir;
  }

  /**
   * Updates the pointers and removes old checkpoints, unless this is done. It finishes what a killed process left undone.
   * @param prune false: keep all older checkpoints for now
   */
  async settle(prune = true): Promise<void> {
    const { runDir, newest } = this;
    if (!newest || this.settled) return;
    const found = await updatePointers(runDir, this.settings.metric, newest);
    if (prune) await pruneCheckpoints(runDir, { keep: this.settings.keep, newest, found });
    this.settled = prune;
  }

  /** The checkpoint that the next one holds changes to; undefined if the next one is complete. */
  private get nextBase(): Checkpoint | undefined {
    const { newest, settings } = this;
    const inChain = this.isBase && newest && newest.manifest.tables.length > 0 ? newest.chain.length : 0;
    return inChain > 0 && inChain < (settings.full?.every ?? 1) ? newest : undefined;
  }

  /** The best on the validation split, or the latest if none was measured. */
  async chosen(): Promise<Checkpoint> {
    const measured = await readPointer(this.runDir, "best");
    return measured ? findBest(this.runDir) : (await findLatest(this.runDir)).checkpoint!;
  }
}

function unreadable(runDir: string, newest: PairloomError): CheckpointError {
  const report = {
    what: "no checkpoint of the run can be read",
    where: checkpointsDir(runDir),
    got: messageOf(newest),
    expected: "a checkpoint to resume from",
    next: "Copy a checkpoint of the run from a backup, or train into a new run directory.",
  };
  return new CheckpointError(report, { cause: newest });
}

function checkReader({ dir, manifest }: Checkpoint, expected: ReaderIdentity): void {
  const parsed = readerSchema.safeParse(manifest.reader);
  if (!parsed.success) throw withoutReader(dir, parsed.error);
  const { rows, batchSize, data } = parsed.data;
  const same = data === undefined || expected.data === undefined || data === expected.data;
  if (rows === expected.rows && batchSize === expected.batchSize && same) return;
  if (manifest.stretch !== undefined)
    throw new CheckpointError({
      what: "the run has gone on with new rows, and its first training is at its end",
      where: dir,
      got: `${expected.rows} rows of the first training`,
      expected: `${rows} rows of stretch ${manifest.stretch}`,
      next: "Give --continue instead of --resume: it also goes on with a stretch that was stopped.",
    });
  throw changed("the training split is not the one that the run began with", dir, {
    got: `${expected.rows} rows in batches of ${expected.batchSize}${same ? "" : ", with other values or in another order"}`,
    expected: `${rows} rows in batches of ${batchSize}`,
  });
}

function withoutReader(dir: string, error: z.ZodError): CheckpointError {
  return new CheckpointError({
    what: "the checkpoint does not say which rows its run reads",
    where: `${join(dir, MANIFEST_FILE)}: reader`,
    got: z.prettifyError(error),
    next: WRONG_CHECKPOINT_NEXT,
  });
}

function checkFeatures({ dir, manifest }: Checkpoint, features: FittedFeatures): void {
  const saved = readFittedFeatures(manifest.features, dir);
  // Through JSON, as in the manifest, where undefined and missing members are equal.
  const [before, now] = [saved, features].map((each) => JSON.parse(JSON.stringify(withoutStores(each))));
  if (isDeepStrictEqual(before, now)) return;
  throw changed("the features fitted to the data are not those that the run began with", dir, {
    got: "other vocabularies or statistics: the data or the config has changed",
    expected: "the same data and features",
  });
}

/** Where rows are does not change what training computes. */
const withoutStores = (fitted: FittedFeatures) => ({
  ...fitted,
  features: fitted.features.map((feature) => ({ ...feature, store: undefined })),
});

function changed(what: string, where: string, found: { got: string; expected: string }): CheckpointError {
  const next = "Resume with the data and config as they were, or train into a new run directory.";
  return new CheckpointError({ what, where, ...found, next });
}
