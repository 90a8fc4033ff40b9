import { relative } from "node:path";
import { type Checkpoint, findLatest, measuredBestFirst, RunLock } from "../../checkpoint/index.js";
import { agree } from "../../distributed/agree.js";
import { broadcastJson, SOLO, type World } from "../../distributed/world.js";
import { CheckpointError } from "../../errors.js";
import { readFittedFeatures } from "../../features/read-fitted.js";
import { withTableSettings } from "../../features/table-settings.js";
import { recordConfigFile } from "../../saved/code.js";
import { checkRunDirectory, refuseFile } from "../../saved/resume.js";
import { CONFIG_COPY, linkLatest, REPORT, readJson, writeJson } from "../../saved/run-directory.js";
import { publishSaved } from "../../train/publish-saved.js";
import { settleAfter } from "../../train/run-checkpoints.js";
import { fromRank0 } from "../../train/shared-checkpoints.js";
import { refuseUnshared } from "../../train/shared-directory.js";
import { Trainer } from "../../train/trainer.js";
import { carriedOf, mayPrune } from "../../train/training-state.js";
import { growingSource } from "./growing-source.js";
import type { ContinueOptions } from "./options.js";
import { refuseEnds, refuseUnfinished } from "./refusals.js";
import { type ReadyStretch, Stretches, type ToldStretch } from "./stretches.js";

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
  const { runDir, world = SOLO } = options;
  if (world.rank > 0) return new Continuation(options, world).run();
  refuseFile(runDir);
  return RunLock.holding(runDir, (lock) => new Continuation(options, world, lock).run());
}

class Continuation {
  private result = { interrupted: false, stretches: 0, rows: 0 };

  constructor(
    private readonly options: ContinueOptions,
    private readonly world: World,
    private readonly lock?: RunLock,
  ) {}

  private get leads(): boolean {
    return this.world.rank === 0;
  }

  async run(): Promise<ContinueResult> {
    const { config, runDir, settings } = this.options;
    if (this.leads) await checkRunDirectory(runDir, config, "continue", settings);
    await refuseUnshared(this.world, runDir, this.lock);
    refuseEnds(config);
    const newest = await fromRank0(this.world, () => this.newest());
    const report = (await readJson(runDir, REPORT)) as SavedReport | undefined;
    refuseUnfinished(newest, report?.training?.reason);
    await this.publishOwed(newest);
    const source = await growingSource(this.options);
    try {
      const stretches = await Stretches.start(this.options, source);
      const checkpoint = await this.trainAll(stretches, newest);
      if (this.leads && checkpoint === newest) await this.settle(newest);
      if (this.leads) await this.writeReport(report, checkpoint);
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

  /** Publishes the state that an earlier process could not publish. One inside a stretch is not owed: the stretch goes on. */
  private async publishOwed(newest: Checkpoint): Promise<void> {
    const { config, runDir, backend, listener } = this.options;
    const { step, stretch, epochStep } = newest.manifest;
    if (stretch !== undefined && epochStep > 0) return;
    const features = withTableSettings(
      readFittedFeatures(newest.manifest.features, newest.dir),
      config.features,
    );
    const options = { config, features, runDir, backend, world: this.world };
    if (await publishSaved(newest, options)) listener({ kind: "published", step });
  }

  private async settle(newest: Checkpoint): Promise<void> {
    const { runDir, config } = this.options;
    const { checkpoint, metric } = config.train;
    await settleAfter(newest, runDir, { ...checkpoint, metric }, mayPrune(carriedOf(newest)));
  }

  private async trainAll(stretches: Stretches, first: Checkpoint): Promise<Checkpoint> {
    let newest = first;
    for (;;) {
      const stretch = await this.nextOf(stretches, newest);
      if (!stretch) break;
      if (this.leads && this.result.stretches === 0) await this.record();
      newest = await this.train(stretch, newest);
      if (this.result.interrupted) break;
      if (this.leads) await stretches.trained(stretch);
    }
    this.result.interrupted ||= this.options.signal.aborted;
    return newest;
  }

  /** Rank 0 finds out what is new and packs it. The others find what it has packed, or read the same rows. */
  private async nextOf(stretches: Stretches, newest: Checkpoint): Promise<ReadyStretch | undefined> {
    const { world } = this;
    const found = this.leads ? await stretches.next(newest) : undefined;
    if (world.size === 1) return found;
    const told = await broadcastJson(world, this.leads ? (found ? toldOf(found) : null) : undefined);
    stretches.removeOpened(told?.packed);
    if (told === null) return undefined;
    const stretch = found ?? (await stretches.open(told, newest));
    await agree(world, factsOf(stretch));
    return stretch;
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
      world: this.world,
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

/** What rank 0 tells of a stretch. */
const toldOf = ({ number, reads, position, prepared: { name } }: ReadyStretch): ToldStretch => {
  return { number, reads, position, packed: name };
};

/** What must be equal on all ranks, by what it is. */
function factsOf({ prepared: { rows, features } }: ReadyStretch): Record<string, string> {
  return {
    "the new rows": `${rows.rows} ${rows.fingerprint}`,
    "the vocabularies": String(Object.values(features.vocabularies).map((values) => values.length)),
  };
}

/** The parts of a report that are read here; it may be of another version. */
interface SavedReport {
  readonly training?: { readonly reason?: string };
}
