import { relative } from "node:path";
import { type Checkpoint, findLatest, measuredBestFirst, RunLock } from "../../checkpoint/index.js";
import { CheckpointError } from "../../errors.js";
import { recordConfigFile } from "../../saved/code.js";
import { checkRunDirectory, refuseFile } from "../../saved/resume.js";
import { CONFIG_COPY, linkLatest, REPORT, readJson, writeJson } from "../../saved/run-directory.js";
import { Trainer } from "../../train/trainer.js";
import { growingSource } from "./growing-source.js";
import type { ContinueOptions } from "./options.js";
import { refuseEnds, refuseUnfinished } from "./refusals.js";
import { type ReadyStretch, Stretches } from "./stretches.js";

export interface ContinueResult {
  readonly interrupted: boolean;
  /** Stretches trained on, to their end. */
  readonly stretches: number;
  /** Rows of them. */
  readonly rows: number;
  /** The newest checkpoint. */
  readonly checkpoint: Checkpoint;
}

/** Trains a model that has been trained on the rows that are new since then: one stretch after the other, each scored first. */
export async function continueRun(options: ContinueOptions): Promise<ContinueResult> {
  const { runDir } = options;
  refuseFile(runDir);
  const lock = await RunLock.acquire(runDir);
  try {
    return await new Continuation(options, lock).run();
  } finally {
    await lock.release();
  }
}

class Continuation {
  private result = { interrupted: false, stretches: 0, rows: 0 };

  constructor(
    private readonly options: ContinueOptions,
    private readonly lock: RunLock,
  ) {}

  async run(): Promise<ContinueResult> {
    const { config, runDir, settings } = this.options;
    await checkRunDirectory(runDir, config, "continue", settings);
    refuseEnds(config);
    const newest = await this.newest();
    const report = (await readJson(runDir, REPORT)) as SavedReport | undefined;
    refuseUnfinished(newest, report?.training?.reason);
    const source = await growingSource(this.options);
    try {
      const stretches = await Stretches.open(this.options, source);
      const checkpoint = await this.trainAll(stretches, newest);
      await this.writeReport(report, checkpoint);
      return { ...this.result, checkpoint };
    } finally {
      await source.close?.();
    }
  }

  /** The newest checkpoint, every byte of it verified. */
  private async newest(): Promise<Checkpoint> {
    const { runDir, config, listener } = this.options;
    const { checkpoint, rejected } = await findLatest(runDir, { checksums: true });
    const model = config.model.kind;
    for (const { dir, error } of rejected) listener({ kind: "checkpointPassedOver", model, dir, error });
    if (checkpoint) return checkpoint;
    throw new CheckpointError({
      what: "there is no checkpoint to go on from",
      where: runDir,
      got: rejected[0]?.error.message ?? "no checkpoint",
      expected: "a run that has been trained to its end",
      next: "Train the run first: remove --continue, or name another run with --run.",
    });
  }

  private async trainAll(stretches: Stretches, first: Checkpoint): Promise<Checkpoint> {
    let newest = first;
    for (;;) {
      const stretch = await stretches.next(newest);
      if (!stretch) break;
      if (this.result.stretches === 0) await this.record();
      newest = await this.train(stretch, newest);
      if (this.result.interrupted) break;
      await stretches.trained(stretch);
    }
    this.result.interrupted ||= this.options.signal.aborted;
    return newest;
  }

  /** Writes the config with which the run goes on. */
  private async record(): Promise<void> {
    const { config, configPath, runDir, settings = [] } = this.options;
    await writeJson(runDir, CONFIG_COPY, config);
    if (configPath !== undefined) await recordConfigFile(runDir, configPath, settings);
    linkLatest(runDir);
  }

  private async train({ number, prepared, reads, position }: ReadyStretch, newest: Checkpoint) {
    const { config, runDir, backend, signal, listener } = this.options;
    const model = config.model.kind;
    listener({ kind: "trainingStarted", model, config, stretch: number });
    const [best] = newest.manifest.stretch === undefined ? await measuredBestFirst(runDir) : [];
    const trainer = new Trainer({
      config,
      features: prepared.features,
      train: prepared.rows,
      backend,
      runDir,
      lock: this.lock,
      stretch: { number, from: best ?? newest, newest },
      read: { position, reads },
      signal,
      listener: (event) => listener({ ...event, model }),
    });
    const result = await trainer.run();
    listener({ kind: "trainingEnded", model, result });
    if (result.reason === "interrupted") this.result.interrupted = true;
    else {
      this.result.stretches++;
      this.result.rows += prepared.rows.rows;
    }
    return result.checkpoint;
  }

  /** Brings the report of the run up to date: what was measured after the first training stays. */
  private async writeReport(report: SavedReport | undefined, { dir, manifest }: Checkpoint): Promise<void> {
    const { runDir } = this.options;
    const { stretch, step } = manifest;
    if (!report || stretch === undefined) return;
    const continued = { stretches: stretch, step };
    await writeJson(runDir, REPORT, { ...report, checkpoint: relative(runDir, dir), continued });
  }
}

/** The parts of a report that are read here; it may be of another version. */
interface SavedReport {
  readonly training?: { readonly reason?: string };
}
