import type { Backend, Executable, RunRequest } from "../backends/backend.js";
import type { NativeExecutable, NativeProfile } from "../backends/native/backend.js";
import type { ColumnSet } from "../columns/columns.js";
import { SOLO, type World } from "../distributed/world.js";
import { ExecutionError } from "../errors.js";
import type { Precision } from "../graph/precision.js";
import type { Ceilings } from "../native/addon.js";
import { placedParameters, shardingOf } from "../passes/shard.js";
import { type Profile, summarize } from "../profile/profile.js";
import { CallPacer } from "../train/call-pacer.js";
import { Parameters } from "../train/parameters.js";
import { LEARNING_RATES } from "../train/step/apply-optimizers.js";
import { inferenceGraph, LOSS, trainingGraph } from "../train/step/model-graphs.js";
import { optimizerSchema } from "../train/step/optimizers.js";
import { dynamicTables } from "./dynamic-tables.js";
import { examples, featuresOf, type TableKind, type Workload } from "./workloads.js";

export interface BenchSettings {
  readonly batch: number;
  /** Seconds for training, and again for inference. */
  readonly seconds: number;
  readonly threads: number;
  readonly precision: Precision;
  /** Default fixed. */
  readonly tables?: TableKind;
  /** Whether ranks compute while they exchange. */
  readonly overlaps?: boolean;
  /** Also profile, in a separate run, because profiling costs some time. */
  readonly profile?: boolean;
}

export interface BenchResult {
  readonly workload: string;
  readonly batch: number;
  readonly precision: Precision;
  readonly tables: TableKind;
  readonly threads: number;
  readonly train_samples_per_s: number;
  readonly infer_samples_per_s: number;
  /** Peak resident memory of the process, with all tables, data and both programs. */
  readonly peak_memory_bytes: number;
  readonly profile?: BenchProfile;
}

export interface BenchProfile {
  readonly ceilings: Ceilings;
  readonly train: Profile;
  readonly infer: Profile;
}

/** Number of different batches: the same as in the PyTorch peers. */
const BATCHES = { least: 8, most: 128 };
/** Rows of different batches, at least. */
const BATCH_ROWS = 2048;
/** Also finds the number of steps of a call. */
const WARM_UP_CALLS = 8;
/** A profile needs less time than a rate, because it measures shares. */
const PROFILE_TIME = 1 / 3;

const OPTIMIZERS = optimizerSchema.parse({
  dense: { kind: "adam", learningRate: 0.001 },
  embedding: { kind: "adagrad", learningRate: 0.01 },
});

/** A workload compiled for training and inference, on shared parameters, for one of the ranks of a world. */
export function prepareWorkload(
  workload: Workload,
  backend: Backend,
  settings: BenchSettings,
  world: World = SOLO,
) {
  const { batch, threads, precision, tables = "fixed" } = settings;
  const spec = { model: workload.model, features: featuresOf(workload, tables), precision };
  const l2 = { dense: 0, embedding: 0, rows: "all" } as const;
  const graph = trainingGraph(spec, { optimizers: OPTIMIZERS, l2, weighted: false });
  const forward = inferenceGraph(spec);
  const attrs = placedParameters(graph, shardingOf(world.size));
  const parameters = new Parameters(backend, attrs, undefined, world.rank);
  parameters.initialize(0);
  const translations = tables === "dynamic" ? dynamicTables(backend, workload, parameters.all) : undefined;
  const options = { maxBatch: batch, threads, translations, world, overlaps: settings.overlaps };
  return {
    graph,
    forward,
    training: backend.compile(graph, parameters.memory, options),
    inference: backend.compile(forward, parameters.memory, { ...options, frozen: true }),
    data: examples(workload, batch * batchesOf(batch), tables),
  };
}

function batchesOf(batch: number): number {
  return Math.max(BATCHES.least, Math.min(BATCHES.most, Math.ceil(BATCH_ROWS / batch)));
}

/** Median rates of training and of inference, in samples per second. */
export async function measure(
  workload: Workload,
  backend: Backend,
  settings: BenchSettings,
): Promise<BenchResult> {
  const { batch, threads, seconds } = settings;
  const ceilings = settings.profile ? ceilingsOf(backend, threads) : undefined;
  const { training, inference, data } = prepareWorkload(workload, backend, settings);
  const rateAndProfile = async (executable: Executable, outputs?: readonly string[]) => {
    const runner = new Runner(executable, data, batch, outputs);
    const rate = Math.round(await runner.medianRate(seconds));
    return { rate, profile: ceilings && (await runner.profile(seconds * PROFILE_TIME, threads, ceilings)) };
  };
  // In this order, because inference packs the weights only once.
  const train = await rateAndProfile(training, TRAINED);
  const infer = await rateAndProfile(inference);
  return {
    workload: workload.name,
    batch,
    precision: settings.precision,
    tables: settings.tables ?? "fixed",
    threads,
    train_samples_per_s: train.rate,
    infer_samples_per_s: infer.rate,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    ...(ceilings && { profile: { ceilings, train: train.profile!, infer: infer.profile! } }),
  };
}

function ceilingsOf(backend: Backend, threads: number): Ceilings {
  if (backend.ceilings) return backend.ceilings(threads);
  throw new ExecutionError({
    what: "only the native core tells where the time goes",
    where: "--profile",
    got: `the ${backend.name} backend`,
    next: "Run `npx pairloom doctor` to see why there is no native core, or leave --profile out.",
  });
}

/** What a training run asks of a step. */
export const TRAINED: readonly string[] = [LOSS];

/** Runs the batches of the data in a cycle, in calls of several steps as in training and scoring. */
export class Runner {
  /** Steps done. */
  step = 0;
  /** Of a call. */
  private steps = 1;

  constructor(
    private readonly executable: Pick<Executable, "run">,
    private readonly data: ColumnSet,
    private readonly batch: number,
    /** That a call returns: {@link TRAINED}, or all. */
    private readonly outputs?: readonly string[],
  ) {}

  /** Samples per second of the median call. */
  async medianRate(seconds: number): Promise<number> {
    if (this.step === 0) await this.warmUp();
    const times: number[] = [];
    for (const end = performance.now() + seconds * 1000; performance.now() < end || times.length < 3; )
      times.push(await this.call());
    return (this.steps * this.batch) / times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  }

  private async warmUp(): Promise<void> {
    const pacer = new CallPacer();
    for (let i = 0; i < WARM_UP_CALLS; i++) {
      this.steps = Math.min(pacer.steps, this.batches);
      pacer.observe(this.steps, await this.call());
    }
  }

  private get batches(): number {
    return this.data.rows / this.batch;
  }

  /** Seconds of a step, in one call of so many. */
  async stepSeconds(steps: number): Promise<number> {
    this.steps = Math.min(steps, this.batches);
    return (await this.call()) / this.steps;
  }

  /** The profile of the faster half of the calls. */
  async profile(seconds: number, threads: number, ceilings: Ceilings): Promise<Profile> {
    const executable = this.executable as NativeExecutable;
    const calls: { nanoseconds: number; profile: NativeProfile }[] = [];
    for (const end = performance.now() + seconds * 1000; performance.now() < end || calls.length < 3; ) {
      executable.startProfile();
      calls.push({ nanoseconds: 1e9 * (await this.call()), profile: executable.profile() });
    }
    // The slower calls were disturbed by other processes.
    calls.sort((a, b) => a.nanoseconds - b.nanoseconds);
    const faster = calls.slice(0, Math.ceil(calls.length / 2));
    return summarize(faster, { steps: this.steps, batch: this.batch, threads }, ceilings);
  }

  /** Seconds. */
  private async call(): Promise<number> {
    const started = performance.now();
    await this.executable.run(this.request());
    this.step += this.steps;
    return (performance.now() - started) / 1000;
  }

  private request(): RunRequest {
    const { data, batch, steps, batches } = this;
    const count = steps * batch;
    const calls = Math.floor(batches / steps);
    const scalars = new Map([
      [LEARNING_RATES.dense, new Float32Array(steps).fill(OPTIMIZERS.dense.learningRate)],
      [LEARNING_RATES.embedding, new Float32Array(steps).fill(OPTIMIZERS.embedding.learningRate)],
    ]);
    const rows = { rows: data.rows, start: (Math.floor(this.step / steps) % calls) * count, count, batch };
    return { columns: data.columns, ...rows, seed: 0, firstStep: this.step, scalars, outputs: this.outputs };
  }
}
