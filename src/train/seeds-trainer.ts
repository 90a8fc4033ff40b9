import { join } from "node:path";
import type { Memory, Translation } from "../backends/backend.js";
import { type Checkpoint, RunLock } from "../checkpoint/index.js";
import type { ColumnSet } from "../columns/columns.js";
import { SOLO, type World } from "../distributed/world.js";
import type { Graph } from "../graph/graph.js";
import { type Evaluation, metricValues } from "../metrics/index.js";
import { evaluate, INFERENCE_BATCH, type MetricSettings, metricSettings } from "./evaluate.js";
import { evaluateCheckpoint } from "./evaluate-checkpoint.js";
import { fittedFeatureInfos } from "./feature-info.js";
import { savedKeys } from "./keyed-tables.js";
import { METRICS_FILE, type MetricsLine, readMetrics, writeMetrics } from "./log/metrics-log.js";
import { memberConfigs } from "./member-configs.js";
import { memberDirectory, memberName } from "./members.js";
import { tensorOf } from "./parameter-memory.js";
import { type ReaderIdentity, RunCheckpoints } from "./run-checkpoints.js";
import { savedParameters } from "./saved-parameters.js";
import { fromRank0 } from "./shared-checkpoints.js";
import { rowsPerStep } from "./step/gradient-accumulation.js";
import { inferenceGraph, type ModelSpec, parametersOf } from "./step/model-graphs.js";
import { specOf } from "./step/model-spec.js";
import { putInStoredTables, renamed, type StoredTable, savedRowsOf } from "./stored-tables.js";
import { Trainer, type TrainerOptions, type TrainingResult } from "./trainer.js";
import type { TrainingEvent } from "./training-event.js";
import { Translations } from "./translations.js";

/** A member that was trained, completely or in part. */
interface Member {
  readonly seed: number;
  readonly runDir: string;
  readonly result: TrainingResult;
}

type Parameters = ReadonlyMap<string, Memory>;

/**
 * Trains the members of a run, one after the other, each in a run directory of its own with its own best checkpoint. Then
 * saves the model of the run: the best checkpoints of all members in one, measured on the validation split. An interrupted
 * run saves the members that it has, not measured, so that this model is never the best one of the run.
 *
 * Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep ensembles", 2017.
 */
export class SeedsTrainer {
  private readonly spec: ModelSpec;
  private readonly measured: MetricSettings;
  private readonly checkpoints: RunCheckpoints;
  private readonly world: World;
  private memberSizes = { model: 0, optimizer: 0 };

  constructor(private readonly options: TrainerOptions) {
    const { config, features, runDir } = options;
    const { checkpoint, metric } = config.train;
    this.world = options.world ?? SOLO;
    this.spec = specOf(config, fittedFeatureInfos(features));
    this.measured = metricSettings(config);
    this.checkpoints = new RunCheckpoints(runDir, { keep: checkpoint.keep, metric });
  }

  /** Number of elements of the model and of the optimizers' state, of all members. */
  get sizes(): { model: number; optimizer: number } {
    const { seeds = 1 } = this.options.config.train;
    const { model, optimizer } = this.memberSizes;
    return { model: seeds * model, optimizer: seeds * optimizer };
  }

  /** @throws what `Trainer.run` throws */
  async run(): Promise<TrainingResult> {
    const { runDir, lock } = this.options;
    if (lock || !this.leads) return this.runLocked(lock);
    return RunLock.holding(runDir, (held) => this.runLocked(held));
  }

  private async runLocked(lock: RunLock | undefined): Promise<TrainingResult> {
    if (this.options.resume && this.leads) await this.resume();
    const members = await this.trainMembers();
    await lock?.check();
    return this.finish(members);
  }

  /** Whether this process writes the model of the members. The others train them with it. */
  private get leads(): boolean {
    return this.world.rank === 0;
  }

  /** Metrics of a checkpoint of the run on any split. */
  async evaluate(
    checkpoint: Checkpoint,
    data: ColumnSet,
    onRows?: (rows: number) => void,
  ): Promise<Evaluation> {
    const { backend, config, features, placements } = this.options;
    const graph = this.graphOf(checkpoint.manifest.members?.length ?? 1);
    const options = { backend, world: this.world, placements, onRows };
    return evaluateCheckpoint(checkpoint, { config, features, graph }, data, options);
  }

  private async resume(): Promise<void> {
    await this.checkpoints.resume(this.reader, this.options.features, (dir, error) =>
      this.tell({ kind: "checkpointPassedOver", dir, error }),
    );
  }

  private async trainMembers(): Promise<Member[]> {
    const members: Member[] = [];
    for (const config of memberConfigs(this.options.config)) {
      const { seed } = config.train;
      const runDir = memberDirectory(this.options.runDir, seed);
      const listener = (event: TrainingEvent) => this.tell({ ...event, seed });
      const onStart = members.length === 0 ? this.options.onStart : undefined;
      const trainer = new Trainer({ ...this.options, config, runDir, lock: undefined, listener, onStart });
      this.memberSizes = trainer.sizes;
      const result = await trainer.run();
      members.push({ seed, runDir, result });
      if (result.reason === "interrupted") break;
    }
    return members;
  }

  /** Saves the model of the members that have been trained. */
  private async finish(members: readonly Member[]): Promise<TrainingResult> {
    const trained = members.filter(({ result }) => result.position.step > 0);
    const last = members.at(-1)!.result;
    const complete = last.reason !== "interrupted";
    const used = trained.length > 0 ? trained : members.slice(0, 1);
    if (this.leads) this.writeLog(used, await this.save(used, complete));
    const sum = (of: (result: TrainingResult) => number) =>
      members.reduce((total, { result }) => total + of(result), 0);
    const early = members.some(({ result }) => result.reason === "earlyStopping");
    return {
      reason: complete && early ? "earlyStopping" : last.reason,
      position: { ...last.position, step: sum(({ position }) => position.step) },
      trainSeconds: sum(({ trainSeconds }) => trainSeconds),
      trainRows: sum(({ trainRows }) => trainRows),
      checkpoint: await fromRank0(this.world, () => this.checkpoints.chosen()),
      tables: ofMembers(members, ({ tables }) => tables),
      tiers: ofMembers(members, ({ tiers }) => tiers),
    };
  }

  /** Writes the parameters of the members as one model. Returns its metrics; none if it is not complete. */
  private async save(members: readonly Member[], complete: boolean): Promise<Record<string, number>> {
    const { config, features } = this.options;
    const { parameters, translations, stored: sparse } = await this.parametersOf(members);
    const graph = this.graphOf(members.length);
    const metrics = complete ? await this.measure(graph, parameters, translations.bound, members) : {};
    const attrs = parametersOf(graph);
    const stored = attrs.map((each) => ({ attrs: each, memory: parameters.get(each.name)! }));
    const keyed = await savedKeys(translations.keyed(stored));
    const rows = new Map([...keyed.rows, ...savedRowsOf(sparse)]);
    const tensors = stored.map((each) => {
      const { name } = each.attrs;
      return [name, tensorOf(each, rows.get(name)?.rows)] as const;
    });
    const content = {
      step: stepsOf(members),
      epoch: members.at(-1)!.result.position.epoch,
      epochStep: 0,
      seed: config.train.seed,
      reader: this.reader,
      trainer: {},
      config,
      features,
      metrics,
      members: members.map(({ seed, result }) => ({ seed, step: result.checkpoint.manifest.step })),
      model: new Map([...tensors, ...translations.sources(), ...keyed.model]),
      optimizer: new Map(),
      tables: attrs
        .filter(({ role }) => role === "table")
        .map(({ name }) => ({ name, states: [], ...rows.get(name)?.content })),
    };
    const dir = await this.checkpoints.save(content.step, () => content);
    if (dir !== undefined) this.tell({ kind: "checkpointed", dir });
    return metrics;
  }

  private async measure(
    graph: Graph,
    parameters: Parameters,
    translations: ReadonlyMap<string, Translation>,
    members: readonly Member[],
  ): Promise<Record<string, number>> {
    const { backend, valid, config } = this.options;
    if (!valid) return {};
    const options = { maxBatch: INFERENCE_BATCH, threads: config.train.threads, translations, frozen: true };
    const executable = backend.compile(graph, parameters, options);
    this.tell({ kind: "evaluationStarted", split: "valid", rows: valid.rows });
    const evaluation = await evaluate(executable, valid, this.measured, (rows) =>
      this.tell({ kind: "evaluatedRows", rows }),
    );
    this.tell({ kind: "evaluated", split: "valid", step: stepsOf(members), evaluation });
    return metricValues(evaluation);
  }

  /** The parameters and translations of the members' checkpoints, by their names in the model of the run. */
  private async parametersOf(members: readonly Member[]) {
    const { backend, features } = this.options;
    const attrs = parametersOf(inferenceGraph(this.spec));
    const names = members.map((_, k) => memberName(k));
    const translations = new Translations(backend, features, { members: names });
    const parameters = new Map<string, Memory>();
    const stored = new Map<string, StoredTable>();
    for (const [k, { result }] of members.entries()) {
      const { checkpoint } = result;
      const saved = await savedParameters(checkpoint, backend, attrs);
      const inModel = (name: string) => `${names[k]}.${name}`;
      for (const [name, memory] of saved.memory) parameters.set(inModel(name), memory);
      for (const [name, table] of saved.stored) stored.set(inModel(name), renamed(table, inModel));
      const own = new Translations(backend, features);
      await own.load(checkpoint, attrs);
      translations.restoreMember(`${names[k]}.`, own);
    }
    putInStoredTables(backend, translations.bound, stored);
    return { parameters, translations, stored };
  }

  /** The measurements of all members, one after the other, then those of their mean. */
  private writeLog(members: readonly Member[], metrics: Record<string, number>): void {
    const lines: MetricsLine[] = [];
    let before = 0;
    for (const { runDir, result } of members) {
      const own = readMetrics(join(runDir, METRICS_FILE));
      lines.push(...own.map((line) => ({ ...line, step: before + line.step })));
      before += result.position.step;
    }
    const { epoch, time } = lines.at(-1) ?? { epoch: 0, time: 0 };
    if (Object.keys(metrics).length > 0)
      lines.push({ step: before, epoch, split: "valid", values: metrics, time });
    writeMetrics(join(this.options.runDir, METRICS_FILE), lines);
  }

  private graphOf(members: number): Graph {
    return inferenceGraph({ ...this.spec, members });
  }

  private get reader(): ReaderIdentity {
    const { train, config } = this.options;
    const { rows, fingerprint } = train;
    const batchSize = rowsPerStep(config.train);
    return { rows, batchSize, ...(fingerprint !== undefined && { data: fingerprint }) };
  }

  private tell(event: TrainingEvent): void {
    this.options.listener?.(event);
  }
}

/** What the members say of their tables. */
function ofMembers<T>(
  members: readonly Member[],
  of: (result: TrainingResult) => Readonly<Record<string, T>>,
): Record<string, T> {
  const all = members.flatMap(({ seed, result }) =>
    Object.entries(of(result)).map(([name, table]) => [`${name}, seed ${seed}`, table] as const),
  );
  return Object.fromEntries(all);
}

/** The training steps of all members. */
const stepsOf = (members: readonly Member[]): number =>
  members.reduce((sum, { result }) => sum + result.position.step, 0);
