import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Checkpoint, onDiskSync } from "../../checkpoint/index.js";
import { packedDirectory } from "../../data/cache-dir.js";
import type { GrowingSource } from "../../data/stretch/growing-source.js";
import { after, type ReaderPosition, type Reads } from "../../data/stretch/position.js";
import { type PreparedStretch, packedName, prepareStretch } from "../../data/stretch/prepare-stretch.js";
import { ConfigError, PairloomError } from "../../errors.js";
import type { FittedFeatures } from "../../features/fitted.js";
import { readFittedFeatures } from "../../features/read-fitted.js";
import { makeDirectories } from "../../make-directories.js";
import { factsOf } from "../../train/step/loss/index.js";
import type { ContinueOptions } from "./options.js";
import { positionOf, readsOf } from "./refusals.js";
import { type StretchLine, StretchLog } from "./stretch-log.js";

/** A stretch that is packed and logged. */
export interface ReadyStretch {
  readonly number: number;
  readonly reads: Reads;
  /** What the run has read with it. */
  readonly position: ReaderPosition;
  readonly prepared: PreparedStretch;
}

/** What ranks need to open the packed data of a stretch. */
export interface ToldStretch extends Pick<ReadyStretch, "number" | "reads" | "position"> {
  readonly packed: string;
}

/** The folder of a run with the refused rows of its stretches. */
const QUARANTINE_FOLDER = "quarantine";

/**
 * The stretches of a run: the one that was interrupted or logged, then those that its source has. Each is packed, then
 * logged, then trained on, so that a run that is killed reads the same rows again.
 */
export class Stretches {
  /** The packed data that {@link open} has opened last. */
  private opened?: string;

  private constructor(
    private readonly options: ContinueOptions,
    private readonly source: GrowingSource,
    private readonly log: StretchLog,
  ) {}

  static async start(options: ContinueOptions, source: GrowingSource): Promise<Stretches> {
    return new Stretches(options, source, await StretchLog.open(options.runDir));
  }

  /** The stretch that a checkpoint is in, or the one after it; undefined if there are no new rows, or the run is to stop. */
  async next(newest: Checkpoint): Promise<ReadyStretch | undefined> {
    if (this.options.signal.aborted) return undefined;
    const { stretch = 0, epochStep } = newest.manifest;
    if (stretch > 0 && epochStep > 0) return this.interrupted(stretch, newest);
    this.removePacked(stretch);
    const line = this.log.find(stretch + 1);
    return (line && (await this.logged(line, newest))) ?? this.fresh(stretch + 1, newest);
  }

  /**
   * A stretch that another rank has packed.
   * @throws ConfigError if it has messages of a topic, which one rank reads, and is not here
   */
  async open({ number, reads, position, packed }: ToldStretch, newest: Checkpoint): Promise<ReadyStretch> {
    const path = this.pathOf(packed);
    if ("topic" in reads && !existsSync(path)) throw notShared(reads.topic, path);
    this.opened = packed;
    return {
      number,
      reads,
      position,
      prepared: await this.prepare(featuresOf(newest), number, reads, packed),
    };
  }

  /**
   * Deletes what {@link open} has opened, which has been trained on, unless it comes next: rank 0 deletes its own, but may not
   * see this directory.
   */
  removeOpened(next?: string): void {
    if (this.opened !== undefined && this.opened !== next) this.remove(this.opened);
  }

  /** The stretch that the checkpoint is in. The trainer refuses other rows than those it was in. */
  private async interrupted(number: number, newest: Checkpoint): Promise<ReadyStretch> {
    const reads = readsOf(newest);
    const packed = this.log.find(number)?.packed;
    const prepared = await this.prepare(featuresOf(newest), number, reads, packed);
    return { number, reads, position: positionOf(newest), prepared };
  }

  /** A stretch that was logged, and of which nothing is saved; undefined if it cannot be read any more as it was. */
  private async logged(line: StretchLine, newest: Checkpoint): Promise<ReadyStretch | undefined> {
    const { stretch: number, reads, packed, data } = line;
    try {
      const prepared = await this.prepare(featuresOf(newest), number, reads, packed);
      if (prepared.rows.fingerprint !== data) return undefined;
      this.tellReady(number, prepared);
      return { number, reads, position: after(positionOf(newest), reads), prepared };
    } catch (error) {
      if (error instanceof PairloomError) return undefined;
      throw error;
    }
  }

  /** New rows of the source. */
  private async fresh(number: number, newest: Checkpoint): Promise<ReadyStretch | undefined> {
    const position = positionOf(newest);
    const fitted = featuresOf(newest);
    for (let before: Reads | undefined; ; ) {
      const next = await this.source.next(position, fitted, before);
      const { reads } = next;
      this.options.listener({ kind: "newRows", number, next });
      if (!reads) return undefined;
      const prepared = await this.prepare(fitted, number, reads);
      this.tellReady(number, prepared);
      if (prepared.rows.rows > 0) {
        await this.add(number, newest, reads, prepared);
        return { number, reads, position: after(position, reads), prepared };
      }
      before = reads;
    }
  }

  /** Tells the source that what was read is saved. */
  async trained({ position }: ReadyStretch): Promise<void> {
    await this.source.saved?.(position);
  }

  private async prepare(
    fitted: FittedFeatures,
    number: number,
    reads: Reads,
    packed?: string,
  ): Promise<PreparedStretch> {
    const { config, runDir, listener } = this.options;
    const { data, features, train } = config;
    const { labels } = factsOf(train.loss).task;
    const name = packed ?? packedName(`${resolve(runDir)}#${number}`, { data, labels, fitted, reads });
    const { source } = this;
    const onRows = (rows: number) => listener({ kind: "readingRows", number, rows });
    return prepareStretch({ data, features, labels, fitted, source, reads, name, onRows });
  }

  private async add(
    number: number,
    newest: Checkpoint,
    reads: Reads,
    prepared: PreparedStretch,
  ): Promise<void> {
    const { rows, quarantined, leftOut, fingerprint } = prepared.rows;
    this.keepQuarantine(number, prepared);
    await this.log.add({
      stretch: number,
      step: newest.manifest.step,
      reads,
      rows,
      quarantined,
      leftOut,
      added: prepared.added,
      data: fingerprint,
      packed: prepared.name,
    });
  }

  /** Deletes the packed data of a stretch that has been trained on, also of one that a killed process left. */
  private removePacked(number: number): void {
    const line = this.log.find(number);
    if (line) this.remove(line.packed);
  }

  private remove(packed: string): void {
    rmSync(this.pathOf(packed), { recursive: true, force: true });
  }

  private pathOf(packed: string): string {
    return packedDirectory(this.options.config.data.cacheDir, packed);
  }

  /** Packed data is deleted when it has been trained on; the list of refused rows stays with the run. */
  private keepQuarantine(number: number, { rows }: PreparedStretch): void {
    if (rows.quarantined === 0) return;
    const folder = join(this.options.runDir, QUARANTINE_FOLDER);
    onDiskSync("the refused rows cannot be written", folder, () => {
      makeDirectories(folder);
      copyFileSync(rows.quarantinePath, join(folder, `stretch-${String(number).padStart(8, "0")}.jsonl`));
    });
  }

  private tellReady(number: number, { rows, added }: PreparedStretch): void {
    this.options.listener({ kind: "stretchReady", number, rows, added });
  }
}

function notShared(topic: string, path: string): ConfigError {
  return new ConfigError({
    what: "a rank does not see the messages that rank 0 has read and packed",
    where: "data.cacheDir",
    got: `no ${path}, for the topic ${topic}`,
    expected: "a directory that all ranks share",
    next: "Set data.cacheDir to a directory on a file system that all machines share.",
  });
}

const featuresOf = ({ dir, manifest }: Checkpoint): FittedFeatures =>
  readFittedFeatures(manifest.features, dir);
