import { mkdirSync } from "node:fs";
import type { Backend, Executable } from "../backends/backend.js";
import type { Checkpoint } from "../checkpoint/index.js";
import type { ColumnSet } from "../columns/columns.js";
import { ExecutionError, type PairloomError } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";
import { type Evaluation, metricValues } from "../metrics/index.js";
import { observeEvaluation, shouldStop } from "./early-stopping.js";
import { evaluate, INFERENCE_BATCH, type MetricSettings, metricSettings } from "./evaluate.js";
import { fittedFeatureInfos } from "./feature-info.js";
import { type Initialized, initializeFrom } from "./initialize-from.js";
import { RunLog } from "./log/run-log.js";
import { Parameters } from "./parameters.js";
import { type ReaderIdentity, RunCheckpoints } from "./run-checkpoints.js";
import {
  initialScheduleState,
  learningRate,
  observeMetric,
  type ScheduleTime,
  scheduleMetric,
} from "./schedules.js";
import { checkAccumulation, rowsPerStep } from "./step/gradient-accumulation.js";
import { inferenceGraph, LABELS, LOGITS, LOSS, parametersOf, trainingGraph } from "./step/model-graphs.js";
import { specOf, type TrainedSections, trainingSettingsOf } from "./step/model-spec.js";
import { type LearningRate, learningRates } from "./step/optimizer-groups.js";
import { TrainingMetrics } from "./training-metrics.js";
import { type Carried, initialCarried, Plan, type Position, parseCarried } from "./training-state.js";

export interface TrainerOptions {
  /** A whole config, which checkpoints hold. */
  readonly config: TrainedSections;
  readonly features: FittedFeatures;
  readonly train: ColumnSet;
  readonly valid?: ColumnSet;
  readonly backend: Backend;
  /** Gets `metrics.jsonl`, `tensorboard/` and `checkpoints/`. */
  readonly runDir: string;
  /** Go on from the latest checkpoint of the run directory. */
  readonly resume?: boolean;
  /** Stops the run after the step at hand, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly listener?: TrainingListener;
}

/** What a person or a program may want to see of a run while it goes on. */
export interface TrainingListener {
  /** The run starts from the weights of another. */
  initialized?(initialized: Initialized): void;
  epochStarted?(epoch: number, rows: number, doneRows: number): void;
  /** `metrics` of the rows so far, by name. */
  trained?(rows: number, loss: number, metrics: Readonly<Record<string, number>>): void;
  evaluationStarted?(rows: number): void;
  evaluatedRows?(rows: number): void;
  evaluated?(position: Position, evaluation: Evaluation): void;
  checkpointed?(dir: string): void;
  /** A checkpoint newer than the one that the run goes on from is damaged. */
  checkpointPassedOver?(dir: string, error: PairloomError): void;
}

export interface TrainingResult {
  readonly reason: "finished" | "earlyStopping" | "interrupted";
  readonly position: Position;
  /** Seconds spent training, without evaluation and checkpoints. */
  readonly trainSeconds: number;
  /** Rows trained on by this process. */
  readonly trainRows: number;
  /** The checkpoint that the run's best validation metric belongs to; the latest where there is no validation. */
  readonly checkpoint: Checkpoint;
}

/** A call into the executor should take about this long: progress stays lively, and an interrupt is heard. */
const CALL_SECONDS = 0.1;
const LOGS_PER_EPOCH = 20;

/** Trains one model. Resuming at any checkpoint gives the bytes that never stopping would have given. */
export class Trainer {
  private readonly plan: Plan;
  private readonly parameters: Parameters;
  private readonly training: Executable;
  private readonly inference: Executable;
  private readonly listener: TrainingListener;
  private readonly rates: readonly LearningRate[];
  private readonly checkpoints: RunCheckpoints;
  /** Of the rows trained on, the older the less where the config says so. */
  private readonly metrics: TrainingMetrics;
  private readonly measured: MetricSettings;
  private position: Position = { step: 0, epoch: 0, epochStep: 0 };
  private carried: Carried = initialCarried;
  private lastEvaluation?: { step: number; metrics: Record<string, number> };
  private stepsPerCall = 4;
  private trainSeconds = 0;
  private trainRows = 0;

  constructor(private readonly options: TrainerOptions) {
    const { config, features, train, backend } = options;
    const { train: settings } = config;
    this.listener = options.listener ?? {};
    this.plan = new Plan(train.rows, rowsPerStep(settings), settings);
    const spec = specOf(config, fittedFeatureInfos(features));
    const { optimizer, loss, threads } = settings;
    this.measured = metricSettings(config);
    this.rates = learningRates(optimizer);
    this.checkpoints = new RunCheckpoints(options.runDir, {
      keep: settings.checkpoint.keep,
      metric: settings.metric,
    });
    this.metrics = new TrainingMetrics(loss, this.measured.labels, settings.metricsHalfLife);
    const graph = trainingGraph(spec, trainingSettingsOf(config));
    checkAccumulation(graph, settings);
    const forward = inferenceGraph(spec);
    this.parameters = new Parameters(backend, [...parametersOf(forward), ...parametersOf(graph)]);
    const { memory, averaged } = this.parameters;
    this.training = backend.compile(graph, memory, { maxBatch: this.plan.batchSize, threads });
    this.inference = backend.compile(forward, averaged, { maxBatch: INFERENCE_BATCH, threads });
  }

  /** Elements of the model and of the optimizer's state. */
  get sizes(): { model: number; optimizer: number } {
    return { model: this.parameters.count("model"), optimizer: this.parameters.count("optimizer") };
  }

  async run(): Promise<TrainingResult> {
    const { runDir } = this.options;
    mkdirSync(runDir, { recursive: true });
    const resumed = await this.start();
    const log = new RunLog(runDir, resumed ? this.position.step : undefined);
    try {
      const reason = await this.loop(log);
      await this.checkpoint();
      return {
        reason,
        position: this.position,
        trainSeconds: this.trainSeconds,
        trainRows: this.trainRows,
        checkpoint: await this.checkpoints.chosen(),
      };
    } finally {
      log.close();
    }
  }

  /** Metrics of the chosen checkpoint (see `TrainingResult.checkpoint`) on any split. */
  async evaluate(
    checkpoint: Checkpoint,
    data: ColumnSet,
    onRows?: (rows: number) => void,
  ): Promise<Evaluation> {
    await this.parameters.load(checkpoint, { optimizer: false });
    return evaluate(this.inference, data, this.measured, onRows);
  }

  private async start(): Promise<boolean> {
    const { resume, features } = this.options;
    const checkpoint = resume
      ? await this.checkpoints.resume(this.reader, features, (dir, error) =>
          this.listener.checkpointPassedOver?.(dir, error),
        )
      : undefined;
    if (!checkpoint) {
      await this.initialize();
      return false;
    }
    const { step, epoch, epochStep, trainer } = checkpoint.manifest;
    this.position = { step, epoch, epochStep };
    this.carried = parseCarried(trainer, checkpoint.dir);
    await this.parameters.load(checkpoint, { optimizer: true });
    return true;
  }

  private async initialize(): Promise<void> {
    const { config, features } = this.options;
    this.parameters.initialize(config.train.seed);
    const from = config.train.initializeFrom;
    if (!from) return;
    const initialized = await initializeFrom(from, this.parameters.model, features);
    this.parameters.startAverages();
    this.listener.initialized?.(initialized);
  }

  private async loop(log: RunLog): Promise<TrainingResult["reason"]> {
    const { train } = this.options.config;
    const every = [this.plan.evaluateEvery, ...(train.checkpoint.every ? [train.checkpoint.every] : [])];
    while (this.position.step < this.plan.totalSteps) {
      if (this.options.signal?.aborted) return "interrupted";
      if (this.stopsEarly()) return "earlyStopping";
      await this.trainUntil(this.plan.stepsUntilEvent(this.position, every), log);
      // An evaluation that is due is made even when the run is interrupted: a resumed run would not come by here.
      const { step } = this.position;
      const evaluates = step % this.plan.evaluateEvery === 0 || step === this.plan.totalSteps;
      if (evaluates) await this.evaluateValid(log);
      if (evaluates || every.some((interval) => step % interval === 0)) await this.checkpoint();
    }
    return this.stopsEarly() ? "earlyStopping" : "finished";
  }

  /** Trains `steps` steps of one epoch, in calls of about CALL_SECONDS. */
  private async trainUntil(steps: number, log: RunLog): Promise<void> {
    const { rows } = this.options.train;
    const { batchSize } = this.plan;
    const { epoch, epochStep } = this.position;
    if (this.options.config.train.metricsHalfLife === undefined) this.metrics.reset();
    const logEvery = Math.max(1, Math.floor(this.plan.stepsPerEpoch / LOGS_PER_EPOCH));
    let losses: number[] = [];
    this.listener.epochStarted?.(epoch, rows, epochStep * batchSize);
    for (let left = steps; left > 0 && !this.options.signal?.aborted; ) {
      const count = Math.min(left, this.stepsPerCall);
      const started = performance.now();
      const first = this.position.epochStep * batchSize;
      const took = Math.min(count * batchSize, rows - first);
      const result = await this.call(first, took, count);
      this.pace(count, took, (performance.now() - started) / 1000);
      this.position = this.plan.advance(this.position, count);
      left -= count;
      const loss = this.checkLosses(result.get(LOSS)!);
      losses.push(...result.get(LOSS)!);
      this.metrics.add(result.get(LOGITS)!, result.get(LABELS)!);
      const metrics = this.metrics.values();
      this.listener.trained?.(took, loss, metrics);
      if (losses.length >= logEvery || left === 0) {
        log.write(this.position, "train", {
          loss: mean(losses),
          ...metrics,
          ...this.lastRates(),
        });
        losses = [];
      }
    }
  }

  private call(start: number, count: number, steps: number) {
    const { config, train } = this.options;
    const { seed, shuffle } = config.train;
    const { step, epoch } = this.position;
    const scalars = this.rates.map((rate) => {
      const values = Float32Array.from({ length: steps }, (_, i) =>
        this.rateAt(rate, { step: step + i, epoch }),
      );
      return [rate.name, values] as const;
    });
    return this.training.run({
      columns: train.columns,
      rows: train.rows,
      start,
      count,
      batch: this.plan.batchSize,
      shuffle: shuffle ? { seed, epoch } : undefined,
      seed,
      firstStep: step,
      scalars: new Map(scalars),
    });
  }

  private rateAt({ name, base, schedule }: LearningRate, time: ScheduleTime): number {
    return learningRate(schedule, base, time, this.carried.schedules[name] ?? initialScheduleState);
  }

  /** Of the last step. */
  private lastRates(): Record<string, number> {
    const { step, epoch, epochStep } = this.position;
    const time = { step: step - 1, epoch: epochStep === 0 ? epoch - 1 : epoch };
    return Object.fromEntries(this.rates.map((rate) => [rate.name, this.rateAt(rate, time)]));
  }

  private pace(steps: number, rows: number, seconds: number): void {
    this.trainSeconds += seconds;
    this.trainRows += rows;
    const wanted = Math.round((steps * CALL_SECONDS) / Math.max(seconds, 1e-4));
    this.stepsPerCall = Math.max(1, Math.min(wanted, this.stepsPerCall * 4));
  }

  private checkLosses(losses: Float32Array): number {
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    if (bad < 0) return mean(losses);
    throw new ExecutionError({
      what: "the training loss is no longer a number",
      where: `step ${this.position.step - losses.length + bad}`,
      got: String(losses[bad]),
      expected: "a finite loss",
      next: "Lower train.optimizer.*.learningRate, or normalise large number features. The last checkpoint is untouched.",
    });
  }

  private async evaluateValid(log: RunLog): Promise<void> {
    const { valid, config } = this.options;
    if (!valid) return;
    this.listener.evaluationStarted?.(valid.rows);
    const onRows = (rows: number) => this.listener.evaluatedRows?.(rows);
    const evaluation = await evaluate(this.inference, valid, this.measured, onRows);
    const metrics = metricValues(evaluation);
    log.write(this.position, "valid", metrics);
    this.lastEvaluation = { step: this.position.step, metrics };
    const { earlyStopping } = config.train;
    for (const { name, schedule } of this.rates) {
      const value = metrics[scheduleMetric(schedule) ?? ""];
      if (value === undefined) continue;
      const state = observeMetric(schedule, this.carried.schedules[name] ?? initialScheduleState, value);
      this.carried = { ...this.carried, schedules: { ...this.carried.schedules, [name]: state } };
    }
    const watched = earlyStopping && metrics[earlyStopping.metric];
    if (earlyStopping && watched !== undefined) {
      const state = observeEvaluation(earlyStopping, this.carried.earlyStopping, this.position.step, watched);
      this.carried = { ...this.carried, earlyStopping: state };
    }
    this.listener.evaluated?.(this.position, evaluation);
  }

  private stopsEarly(): boolean {
    const { earlyStopping } = this.options.config.train;
    return earlyStopping !== undefined && shouldStop(earlyStopping, this.carried.earlyStopping);
  }

  private get reader(): ReaderIdentity {
    const { rows, fingerprint } = this.options.train;
    return { rows, batchSize: this.plan.batchSize, ...(fingerprint !== undefined && { data: fingerprint }) };
  }

  /** Saves the run as it stands, unless this step has been saved. */
  private async checkpoint(): Promise<void> {
    const { config, features } = this.options;
    const dir = await this.checkpoints.save({
      ...this.position,
      seed: config.train.seed,
      reader: { ...this.reader, row: this.position.epochStep * this.plan.batchSize },
      trainer: this.carried,
      config,
      features,
      metrics: this.lastEvaluation?.step === this.position.step ? this.lastEvaluation.metrics : {},
      model: this.parameters.sources("model"),
      optimizer: this.parameters.sources("optimizer"),
    });
    if (dir !== undefined) this.listener.checkpointed?.(dir);
  }
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
