import { type Backend, CHANGE_CONSUMERS, type Executable } from "../backends/backend.js";
import { type Checkpoint, type CheckpointContent, RunLock } from "../checkpoint/index.js";
import type { ColumnSet } from "../columns/columns.js";
import { agree, fingerprintOf } from "../distributed/agree.js";
import { SOLO, type World } from "../distributed/world.js";
import { cleanedUp, messageOf } from "../errors.js";
import type { FittedFeatures } from "../features/fitted.js";
import { readFittedFeatures } from "../features/read-fitted.js";
import type { Graph } from "../graph/graph.js";
import type { Placement } from "../graph/placement.js";
import { printGraph } from "../graph/printer.js";
import { type Evaluation, metricValues } from "../metrics/index.js";
import { chooseGeometry } from "../passes/compile.js";
import type { Geometry } from "../passes/geometry.js";
import { placedParameters, shardingOf } from "../passes/shard.js";
import { baseRateOutputs } from "./base-rate-outputs.js";
import { writeBatch } from "./batch-file.js";
import { withDefaultLength, withOnePass } from "./default-length.js";
import { DivergedError } from "./diverged.js";
import { shouldStop } from "./early-stopping.js";
import { batchOfInference, evaluate, type MetricSettings, metricSettings } from "./evaluate.js";
import { evaluateCheckpoint } from "./evaluate-checkpoint.js";
import { fittedFeatureInfos } from "./feature-info.js";
import { type GrownTables, grownTables } from "./grown-tables.js";
import { initializeFrom } from "./initialize-from.js";
import { ratesAt, ratesOver } from "./learning-rates.js";
import { RunLog } from "./log/run-log.js";
import { initialLossWatch, watchLosses } from "./loss-watch.js";
import { refuseMembers } from "./member-configs.js";
import { type ChangesOf, ModelState } from "./model-state.js";
import type { Parameters } from "./parameters.js";
import { openVersions, type Versions } from "./publisher.js";
import { addUp, anyRank } from "./ranks.js";
import type { ReaderIdentity } from "./run-checkpoints.js";
import { maskedColumns } from "./sample-mask.js";
import { savedGeometry } from "./saved-geometry.js";
import { savedPosition } from "./saved-position.js";
import { seedTables } from "./seed-tables.js";
import { type Checkpoints, checkpointsOf } from "./shared-checkpoints.js";
import { checkAccumulation, rowsPerStep } from "./step/gradient-accumulation.js";
import { inferenceGraph, outputBias, SCORE_COUNTS, trainingGraph } from "./step/model-graphs.js";
import { specOf, type TrainedSections, trainingSettingsOf } from "./step/model-spec.js";
import { learningRates } from "./step/optimizer-groups.js";
import { StepRunner, type StepsRun } from "./step-runner.js";
import { isInside, STRETCH, type Stretch, startOf } from "./stretch.js";
import { TableMeter } from "./table-meter.js";
import { TABLES, type TableReport } from "./table-metrics.js";
import { type TierReports, tierReports } from "./tier-metrics.js";
import type { TrainingEvent } from "./training-event.js";
import { TrainingMetrics } from "./training-metrics.js";
import {
  type Carried,
  carriedOf,
  initialCarried,
  mayPrune,
  type Observers,
  observeMetrics,
  Plan,
  type Position,
} from "./training-state.js";
import type { Translations } from "./translations.js";

export interface TrainerOptions {
  /** The complete config, stored in checkpoints. */
  readonly config: TrainedSections;
  readonly features: FittedFeatures;
  readonly train: ColumnSet;
  readonly valid?: ColumnSet;
  readonly backend: Backend;
  /** The ranks that train the model together. Rank 0 alone writes logs, and commits checkpoints. Default: this process. */
  readonly world?: World;
  /** Which ranks share a table, by the name of its parameter; all of them share the others. */
  readonly placements?: ReadonlyMap<string, Placement>;
  /** The directory for `metrics.jsonl`, `tensorboard/` and `checkpoints/`. */
  readonly runDir: string;
  /** The lock of the run directory, if the caller holds it already. */
  readonly lock?: RunLock;
  /** Resume from the latest checkpoint of the run directory. */
  readonly resume?: boolean;
  /** Go on from a trained model: `train` has the rows of a stretch. */
  readonly stretch?: Stretch;
  /** What the run has read of sources that grow, with `train`; stored in checkpoints. */
  readonly read?: unknown;
  /** Stops the run after the current step and saves a checkpoint. */
  readonly signal?: AbortSignal;
  readonly listener?: (event: TrainingEvent) => void;
  /** Called once everything that the run needs is read and checked, before it writes anything. */
  readonly onStart?: () => Promise<void>;
}

export interface TrainingResult {
  readonly reason: "finished" | "earlyStopping" | "interrupted";
  readonly position: Position;
  /** Seconds spent training, without evaluation and checkpoints. */
  readonly trainSeconds: number;
  /** Rows trained on by this process. */
  readonly trainRows: number;
  /** The checkpoint with the run's best validation metric; the latest if there is no validation split. */
  readonly checkpoint: Checkpoint;
  /** The dynamic tables, by name. */
  readonly tables: Readonly<Record<string, TableReport>>;
  /** The tables larger than memory, by name. */
  readonly tiers: TierReports;
}

/** What a trainer evaluates the model on. */
type MeasuredSplit = "valid" | typeof STRETCH;

/** Trains one model. A resumed run ends with the same bytes as an uninterrupted one. */
export class Trainer {
  private readonly plan: Plan;
  private readonly state: ModelState;
  private readonly forward: Graph;
  private readonly graph: Graph;
  /** How batches are divided: chosen once, then part of the run. */
  private geometry: Geometry;
  private readonly inference: Executable;
  private readonly observers: Observers;
  private readonly world: World;
  private readonly checkpoints: Checkpoints;
  /** Metrics of the rows trained on; older ones decay if the config says so. */
  private readonly metrics: TrainingMetrics;
  private readonly measured: MetricSettings;
  private readonly tables: TableMeter;
  private listeners: ((event: TrainingEvent) => void)[];
  /** Held while the run goes on. */
  private lock?: RunLock;
  private publisher?: Versions;
  private position: Position = { step: 0, epoch: 0, epochStep: 0 };
  private carried: Carried = initialCarried;
  private lastEvaluation?: { step: number; metrics: Record<string, number> };
  /** The losses since the last measurement. */
  private losses: number[] = [];

  constructor(private readonly options: TrainerOptions) {
    const { config, features, train, valid, backend, runDir, listener, stretch } = options;
    const length = stretch
      ? withOnePass(config.train)
      : withDefaultLength(config.train, { rows: train.rows, hasValid: valid !== undefined });
    const { optimizer, earlyStopping, threads, checkpoint, metric, metricsHalfLife } = length;
    this.world = options.world ?? SOLO;
    refuseMembers(config.train);
    const spec = specOf(config, fittedFeatureInfos(features));
    this.graph = trainingGraph(spec, trainingSettingsOf(config));
    checkAccumulation(this.graph, config.train);
    this.listeners = listener ? [listener] : [];
    this.plan = new Plan(train.rows, rowsPerStep(length), length, stretch && startOf(stretch));
    this.measured = metricSettings(config);
    this.observers = { rates: ratesOver(learningRates(optimizer), this.plan.length), earlyStopping };
    this.forward = inferenceGraph(spec);
    const { world } = this;
    const { placements } = options;
    const sharding = shardingOf(world.size, placements);
    const attrs = [this.forward, this.graph].flatMap((graph) => placedParameters(graph, sharding));
    this.state = new ModelState({ backend, features, train: config.train, runDir, world }, attrs);
    this.checkpoints = checkpointsOf(world, this.state, runDir, { ...checkpoint, metric });
    this.tables = new TableMeter(this.state);
    const { memory, averaged } = this.parameters;
    const counts = memory.get(SCORE_COUNTS);
    this.metrics = new TrainingMetrics(this.measured.task, this.measured.labels, counts, metricsHalfLife);
    const { accumulationGroups: groups } = config.train;
    this.geometry = chooseGeometry(this.graph, this.plan.batchSize, { groups });
    const compiled = { threads, translations: this.translations.bound, world, placements };
    this.inference = backend.compile(this.forward, averaged, { maxBatch: this.inferenceBatch, ...compiled });
  }

  /** Whether this process writes what there is one of in a run. */
  private get leads(): boolean {
    return this.world.rank === 0;
  }

  private get parameters(): Parameters {
    return this.state.parameters;
  }

  private get translations(): Translations {
    return this.state.translations;
  }

  /** Number of elements of the model and of the optimizer's state. */
  get sizes(): { model: number; optimizer: number } {
    return { model: this.parameters.count("model"), optimizer: this.parameters.count("optimizer") };
  }

  /**
   * @throws CheckpointError if another process writes to the run directory, and for errors of the disk; DivergedError if
   * the loss rises far above its average, or a number of the model is no longer finite: the last checkpoint is untouched,
   * and the rows of the step are in the run directory
   */
  async run(): Promise<TrainingResult> {
    const { runDir, lock } = this.options;
    const withLock = (held: RunLock) => {
      this.lock = held;
      return this.runLocked();
    };
    if (!this.leads) return this.runLocked();
    return lock ? withLock(lock) : RunLock.holding(runDir, withLock);
  }

  private async runLocked(): Promise<TrainingResult> {
    const { runDir, onStart } = this.options;
    await this.agreeOnModel();
    const resumed = await this.start();
    const steps = this.compileSteps();
    await onStart?.();
    const log = this.leads ? new RunLog(runDir, resumed ? this.position.step : undefined) : undefined;
    if (log) this.listeners.push(log.listen);
    try {
      // Everything that a resumed run needs is read and checked by now.
      await this.checkpoints.settle(mayPrune(this.carried));
      await this.scoreStretch();
      const reason = await this.publishing(resumed, () => this.trainAndSave(steps)).catch((error) =>
        this.keepBatch(error),
      );
      const { seconds: trainSeconds, rows: trainRows } = steps;
      const checkpoint = await this.checkpoints.chosen();
      const tables = this.translations.reports(this.position.step);
      const tiers = tierReports(this.parameters.tiers);
      return { reason, position: this.position, trainSeconds, trainRows, checkpoint, tables, tiers };
    } finally {
      log?.close();
      this.listeners = this.listeners.filter((listener) => listener !== log?.listen);
    }
  }

  /**
   * Metrics of a checkpoint on any split. One process maps its file beside the trained state. Of several ranks each reads its
   * share over what it has trained, since memory may have no room for both: they call it when the run has ended.
   */
  async evaluate(
    checkpoint: Checkpoint,
    data: ColumnSet,
    onRows?: (rows: number) => void,
  ): Promise<Evaluation> {
    const { backend, config, features, placements } = this.options;
    const { parameters } = this;
    const into = parameters.inTiers.size === 0 ? parameters : undefined;
    const options = { backend, world: this.world, placements, onRows, into };
    return evaluateCheckpoint(checkpoint, { config, features, graph: this.forward }, data, options);
  }

  /** The training program, with the geometry of the run. */
  private compileSteps(): StepRunner {
    const { backend, train, config, features, placements } = this.options;
    const { threads, seed, shuffle } = config.train;
    const { batchSize } = this.plan;
    const translations = this.translations.bound;
    const { world, geometry } = this;
    const options = { maxBatch: batchSize, threads, geometry, translations, world, placements };
    const compile = (overlaps: boolean) =>
      backend.compile(this.graph, this.parameters.memory, { ...options, overlaps });
    const { rates } = this.observers;
    const { outputs } = this.metrics;
    const { sampleMask } = config.train;
    const masked = sampleMask && maskedColumns(features, sampleMask);
    return new StepRunner(compile, train, { batchSize, seed, shuffle, masked, rates, outputs, world });
  }

  /** The code of a custom model is no part of the config. */
  private async agreeOnModel(): Promise<void> {
    if (this.world.size === 1) return;
    const graphs = [this.graph, this.forward].map(printGraph);
    await agree(this.world, { "the model": fingerprintOf(graphs) });
  }

  /** Starts from a checkpoint, or with fresh parameters. Returns true if it resumes from a checkpoint. */
  private async start(): Promise<boolean> {
    const { resume, stretch } = this.options;
    if (stretch && !isInside(stretch)) {
      await this.startStretch(stretch);
      return true;
    }
    const checkpoint = resume || stretch ? await this.latestCheckpoint() : undefined;
    if (!checkpoint) {
      await this.initialize();
      return false;
    }
    this.position = savedPosition(checkpoint, this.plan, stretch?.number);
    await this.restore(checkpoint);
    return true;
  }

  private async startStretch({ from, newest }: Stretch): Promise<void> {
    this.position = this.plan.start;
    const before = readFittedFeatures(from.manifest.features, from.dir);
    const grown = grownTables(before, this.options.features);
    this.checkpoints.goOn(newest, from === newest && grown.size === 0);
    if (grown.size > 0) this.parameters.initialize(this.options.config.train.seed);
    await this.restore(from, grown);
  }

  /** Takes the state of a checkpoint, except its position. */
  private async restore(checkpoint: Checkpoint, grown?: GrownTables): Promise<void> {
    const geometry = savedGeometry(checkpoint, this.plan.batchSize);
    if (geometry) this.geometry = geometry;
    else this.tell({ kind: "sumsReordered", dir: checkpoint.dir });
    this.carried = carriedOf(checkpoint);
    await this.state.load(checkpoint, grown);
    this.tables.start();
  }

  private latestCheckpoint(): Promise<Checkpoint | undefined> {
    return this.checkpoints.resume(this.reader, this.options.features, (dir, error) =>
      this.tell({ kind: "checkpointPassedOver", dir, error }),
    );
  }

  private async initialize(): Promise<void> {
    const { config, features } = this.options;
    this.parameters.initialize(config.train.seed);
    this.startAtBaseRate();
    const from = config.train.initializeFrom;
    const { model } = this.parameters;
    const initialized = from && (await initializeFrom(from, model, features, this.translations));
    const vectors = await seedTables(model, features, this.translations);
    const begun = initialized && { "the checkpoint of train.initializeFrom": initialized.fingerprint };
    await agree(this.world, { ...begun, ...vectors });
    this.parameters.startAverages();
    if (initialized) this.tell({ kind: "initialized", initialized });
  }

  /** The bias of the outputs starts where the model predicts the base rate of the training rows. */
  private startAtBaseRate(): void {
    const { config, features, train } = this.options;
    const spec = specOf(config, fittedFeatureInfos(features));
    const bias = config.train.initializer === "torch" ? undefined : outputBias(spec);
    if (bias !== undefined) this.parameters.start(bias, baseRateOutputs(train, this.measured, spec.head));
  }

  private async loop(steps: StepRunner): Promise<TrainingResult["reason"]> {
    while (this.position.step < this.plan.totalSteps) {
      if (await this.isAskedToStop()) return "interrupted";
      if (this.stopsEarly()) return "earlyStopping";
      await this.trainUntilEvent(steps);
      // A due evaluation is made even after an interrupt, because a resumed run would skip it.
      if (this.plan.evaluatesAt(this.position.step)) await this.evaluateValid();
      await this.keepState(this.plan.publishesAt(this.position.step), this.plan.savesAt(this.position.step));
    }
    return this.stopsEarly() ? "earlyStopping" : "finished";
  }

  /** Trains to the end and saves the last state. */
  private async trainAndSave(steps: StepRunner): Promise<TrainingResult["reason"]> {
    const reason = await this.loop(steps);
    await this.keepState(true, true);
    return reason;
  }

  /**
   * Publishes, then saves: a run that is killed in between reaches the step again, and a state that is saved has been published.
   * A version that cannot be written costs no training.
   */
  private async keepState(publishes: boolean, saves: boolean): Promise<void> {
    try {
      if (publishes) await this.publish();
    } finally {
      if (saves) await this.save();
    }
  }

  /** Publishes what is trained meanwhile, if the config says so. */
  private async publishing<T>(resumed: boolean, train: () => Promise<T>): Promise<T> {
    const { config, resume = false } = this.options;
    const { publish, metric } = config.train;
    if (!publish) return train();
    // A run that was killed before its first checkpoint may have published, and starts again.
    const goesOn = resumed || resume;
    const publisher = await openVersions(this.world, this.state, publish, metric, goesOn);
    this.publisher = publisher;
    return cleanedUp(train, () => publisher.close());
  }

  /** Publishes the current state, unless this step is already published. */
  private async publish(): Promise<void> {
    const { publisher, parameters } = this;
    const { step } = this.position;
    if (!publisher || publisher.newest >= step) return;
    const consumer = CHANGE_CONSUMERS.publish;
    await publisher.publish(step, (changesTo) => this.content({ changesTo, consumer }));
    parameters.clearChanges(consumer);
  }

  /** Saves the rows of the step at which the run diverged, or of the last one, then throws the error. */
  private async keepBatch(error: unknown): Promise<never> {
    if (!(error instanceof DivergedError) || !this.leads) throw error;
    const { config, train, runDir } = this.options;
    const { seed, shuffle } = config.train;
    const at = this.plan.at(error.step ?? Math.max(0, this.position.step - 1));
    const order = { batchSize: this.plan.batchSize, seed, shuffle };
    const rows = await writeBatch(runDir, train, at, order).then(
      (path) => `are in ${path}`,
      (failed) => `could not be written: ${messageOf(failed)}`,
    );
    const next = `${error.report.next} The rows of step ${at.step} ${rows}.`;
    throw new DivergedError({ ...error.report, next }, error.step);
  }

  /** Trains until the end of the epoch, or until the next evaluation or checkpoint. */
  private async trainUntilEvent(steps: StepRunner): Promise<void> {
    const { epoch, epochStep } = this.position;
    const doneRows = epochStep * this.plan.batchSize;
    if (this.options.config.train.metricsHalfLife === undefined) this.metrics.reset();
    this.tell({ kind: "epochStarted", epoch, rows: this.options.train.rows, doneRows });
    this.losses = [];
    for (let left = this.plan.stepsUntilEvent(this.position); left > 0 && !(await this.isAskedToStop()); ) {
      const run = await steps.run(this.position, left, this.carried.schedules);
      const loss = this.options.config.train.stopOnDivergence
        ? watchLosses(this.carried.loss, run.losses, this.position.step)
        : initialLossWatch;
      this.carried = { ...this.carried, loss };
      this.position = this.plan.advance(this.position, run.steps);
      left -= run.steps;
      await this.observe(run);
      if (left === 0 || this.losses.length >= this.plan.logEvery) this.measure();
    }
  }

  /** All ranks stop after the same step. */
  private isAskedToStop(): Promise<boolean> {
    return anyRank(this.world, this.options.signal?.aborted ?? false);
  }

  private async observe({ rows, losses, outputs }: StepsRun): Promise<void> {
    const counts = this.parameters.memory.get(SCORE_COUNTS);
    if (counts) await addUp(this.world, counts);
    this.losses.push(...losses);
    this.metrics.add(outputs, rows);
    this.tell({ kind: "trained", rows, loss: mean(losses), metrics: this.metrics.values() });
  }

  /** Reports the mean loss since the last measurement and the learning rates of the last step. */
  private measure(): void {
    const { step, epoch, epochStep } = this.position;
    const last = { step: step - 1, epoch: epochStep === 0 ? epoch - 1 : epoch };
    const rates = ratesAt(this.observers.rates, this.carried.schedules, last);
    const values = { loss: mean(this.losses), ...this.metrics.values(), ...rates };
    this.tell({ kind: "measured", position: this.position, split: "train", values });
    this.losses = [];
    const ofTables = this.tables.measure();
    if (Object.keys(ofTables).length > 0)
      this.tell({ kind: "measured", position: this.position, split: TABLES, values: ofTables });
  }

  private async evaluateValid(): Promise<void> {
    const { valid } = this.options;
    if (!valid) return;
    const { step } = this.position;
    const evaluation = await this.measureOn("valid", valid);
    const metrics = metricValues(evaluation);
    this.carried = observeMetrics(this.carried, this.observers, step, metrics);
    this.lastEvaluation = { step, metrics };
    this.tellMeasured("valid", metrics, evaluation);
  }

  /** Measures the model on the rows of a stretch before it is trained on them. */
  private async scoreStretch(): Promise<void> {
    const { train, stretch } = this.options;
    if (!stretch || this.position.step > this.plan.start.step) return;
    const evaluation = await this.measureOn(STRETCH, train);
    const values = { ...metricValues(evaluation), number: stretch.number, rows: train.rows };
    this.tellMeasured(STRETCH, values, evaluation);
  }

  private measureOn(split: MeasuredSplit, data: ColumnSet): Promise<Evaluation> {
    this.tell({ kind: "evaluationStarted", split, rows: data.rows });
    const onRows = (rows: number) => this.tell({ kind: "evaluatedRows", rows });
    return evaluate(this.inference, data, this.measured, onRows, this.inferenceBatch);
  }

  private get inferenceBatch(): number {
    return batchOfInference(this.parameters.inTiers.size > 0, this.plan.batchSize);
  }

  private tellMeasured(split: MeasuredSplit, values: Record<string, number>, evaluation: Evaluation): void {
    const { position } = this;
    this.tell({ kind: "measured", position, split, values });
    this.tell({ kind: "evaluated", split, step: position.step, evaluation });
  }

  private stopsEarly(): boolean {
    const { earlyStopping } = this.observers;
    return earlyStopping !== undefined && shouldStop(earlyStopping, this.carried.earlyStopping);
  }

  private get reader(): ReaderIdentity {
    const { rows, fingerprint } = this.options.train;
    return { rows, batchSize: this.plan.batchSize, ...(fingerprint !== undefined && { data: fingerprint }) };
  }

  /** Saves the current state, unless this step is already saved. */
  private async save(): Promise<void> {
    const { step } = this.position;
    await this.lock?.check();
    const consumer = CHANGE_CONSUMERS.checkpoint;
    const dir = await this.checkpoints.save(step, (changesTo) => this.content({ changesTo, consumer }), {
      prune: mayPrune(this.carried),
    });
    if (dir === undefined) return;
    this.parameters.clearChanges(consumer);
    this.tell({ kind: "checkpointed", dir });
  }

  /** The current state, or its changes. */
  private async content(changes: ChangesOf): Promise<CheckpointContent> {
    const { config, features, read, stretch } = this.options;
    const { step, epochStep } = this.position;
    return {
      ...this.position,
      seed: config.train.seed,
      reader: { ...this.reader, row: epochStep * this.plan.batchSize, read },
      trainer: this.carried,
      config,
      features,
      metrics: this.lastEvaluation?.step === step ? this.lastEvaluation.metrics : {},
      geometry: this.geometry,
      stretch: stretch?.number,
      ...(await this.state.tensors(changes)),
    };
  }

  private tell(event: TrainingEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
