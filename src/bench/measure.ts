import type { Backend, Executable } from "../backends/backend.js";
import type { ColumnSet } from "../data/columns.js";
import { LEARNING_RATES } from "../train/apply-optimizers.js";
import { inferenceGraph, parametersOf, trainingGraph } from "../train/model-graphs.js";
import { optimizerSchema } from "../train/optimizers.js";
import { Parameters } from "../train/parameters.js";
import { examples, featuresOf, type Workload } from "./workloads.js";

export interface BenchSettings {
  readonly batch: number;
  /** For training, and again for inference. */
  readonly seconds: number;
  readonly threads: number;
}

export interface BenchResult {
  readonly workload: string;
  readonly batch: number;
  readonly precision: "fp32";
  readonly threads: number;
  readonly train_samples_per_s: number;
  readonly infer_samples_per_s: number;
}

/** Distinct batches of data, as many as the peers in PyTorch cycle through. */
const BATCHES = 8;
const WARM_UP_CALLS = 3;

const OPTIMIZERS = optimizerSchema.parse({
  dense: { kind: "adam", learningRate: 0.001 },
  embedding: { kind: "adagrad", learningRate: 0.01 },
});

/** A workload compiled for training and inference, on shared parameters. */
export function prepareWorkload(workload: Workload, backend: Backend, { batch, threads }: BenchSettings) {
  const spec = { model: workload.model, features: featuresOf(workload) };
  const l2 = { dense: 0, embedding: 0, rows: "all" } as const;
  const graph = trainingGraph(spec, { optimizers: OPTIMIZERS, l2, weighted: false });
  const forward = inferenceGraph(spec);
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(0);
  return {
    training: backend.compile(graph, parameters.arrays, { maxBatch: batch, threads }),
    inference: backend.compile(forward, parameters.arrays, { maxBatch: batch, threads }),
    data: examples(workload, BATCHES * batch),
  };
}

/** Median rates of training and of inference, in samples a second. */
export async function measure(
  workload: Workload,
  backend: Backend,
  settings: BenchSettings,
): Promise<BenchResult> {
  const { training, inference, data } = prepareWorkload(workload, backend, settings);
  const { batch, threads } = settings;
  return {
    workload: workload.name,
    batch,
    precision: "fp32",
    threads,
    train_samples_per_s: Math.round(await medianRate(training, data, settings)),
    infer_samples_per_s: Math.round(await medianRate(inference, data, settings)),
  };
}

/** Each call runs all batches once; the median call is what counts. */
async function medianRate(
  executable: Executable,
  data: ColumnSet,
  { batch, seconds }: BenchSettings,
): Promise<number> {
  const rates: number[] = [];
  let step = 0;
  const call = async (): Promise<number> => {
    const started = performance.now();
    await executable.run({ ...request(data, batch), firstStep: step });
    step += BATCHES;
    return (performance.now() - started) / 1000;
  };
  for (let i = 0; i < WARM_UP_CALLS; i++) await call();
  for (const end = performance.now() + seconds * 1000; performance.now() < end || rates.length < 3; ) {
    rates.push(data.rows / (await call()));
  }
  return rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)];
}

function request(data: ColumnSet, batch: number) {
  const scalars = new Map([
    [LEARNING_RATES.dense, new Float32Array(BATCHES).fill(OPTIMIZERS.dense.learningRate)],
    [LEARNING_RATES.embedding, new Float32Array(BATCHES).fill(OPTIMIZERS.embedding.learningRate)],
  ]);
  return { columns: data.columns, rows: data.rows, start: 0, count: data.rows, batch, seed: 0, scalars };
}
