import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { featuresOf } from "../src/bench/workloads.js";
import { writeCheckpoint } from "../src/checkpoint/index.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { fitFeatures } from "../src/features/fit.js";
import type { ModelConfig } from "../src/models/index.js";
import { selectBackend } from "../src/saved/backend.js";
import { load } from "../src/serve/load.js";
import type { Predictor } from "../src/serve/predictor.js";
import { fittedFeatureInfos } from "../src/train/feature-info.js";
import { Parameters } from "../src/train/parameters.js";
import { inferenceGraph, parametersOf } from "../src/train/step/model-graphs.js";
import { type Figure, inRounds, micro, spread, workloadOf } from "./figure.js";

const ROWS = [1, 10, 100, 1000];
const NUMBERS = 13;
const WARM_UP_CALLS = 200;

/** A call of the predictor with plain JavaScript rows, on one thread: dlrm-kaggle, 13 numbers and 26 ids. */
export const latency: Figure = {
  title: "a call of the in-process predictor, dlrm-kaggle, one thread, µs",
  async run({ rounds, seconds }) {
    const folder = mkdtempSync(join(tmpdir(), "pairloom-latency-"));
    try {
      const predictor = await untrained(folder);
      const cases = ROWS.map((rows) => ({ name: `${rows} rows`, rows: rowsOf(rows) }));
      const results = await inRounds(cases, rounds, async ({ rows }) => callTimes(predictor, rows, seconds));
      const quantiles = (times: Float64Array[], q: number): string =>
        spread(
          times.map((each) => each[Math.floor(q * (each.length - 1))]),
          micro,
        );
      const rows = cases.map((each) => {
        const times = results.get(each)!;
        return [each.name, quantiles(times, 0.5), quantiles(times, 0.99)];
      });
      return { head: ["", "p50", "p99"], rows };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Seconds of each call, ascending. */
function callTimes(
  predictor: Predictor,
  rows: readonly Record<string, number>[],
  seconds: number,
): Float64Array {
  for (let i = 0; i < WARM_UP_CALLS; i++) predictor.predict(rows);
  const times: number[] = [];
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const started = performance.now();
    predictor.predict(rows);
    times.push((performance.now() - started) / 1000);
  }
  return Float64Array.from(times).sort();
}

/** The workload as a config of columns, saved with its initial weights and loaded as an application would. */
async function untrained(folder: string): Promise<Predictor> {
  const config = configOf();
  const features = fitFeatures(config.features, { vocabularies: {}, numbers: {} });
  const graph = inferenceGraph({ model: config.model, features: fittedFeatureInfos(features) });
  const parameters = new Parameters(selectBackend().backend, parametersOf(graph));
  parameters.initialize(0);
  const empty = { step: 0, epoch: 0, epochStep: 0, seed: 0, reader: {}, trainer: {}, metrics: {} };
  const model = parameters.sources("model");
  await writeCheckpoint(folder, { ...empty, config, features, model, optimizer: new Map() });
  return load(folder, { threads: 1 });
}

const numberNames = Array.from({ length: NUMBERS }, (_, i) => `number_${i}`);

function configOf(): Config {
  const workload = workloadOf("dlrm-kaggle");
  const ids = featuresOf(workload).flatMap((feature) => (feature.kind === "id" ? [feature] : []));
  const model = workload.model as Extract<ModelConfig, { kind: "dlrm" }>;
  return resolveConfig({
    data: { train: { path: "none.csv" }, label: "label" },
    features: [
      ...numberNames.map((name) => ({ kind: "number", name, normalize: { mean: 0.5, std: 0.3 } })),
      ...ids.map(({ name, rows }) => ({ kind: "id", name, buckets: rows })),
    ],
    model: { ...model, dense: { ...model.dense, features: numberNames } },
  });
}

function rowsOf(count: number): Record<string, number>[] {
  const { tables } = workloadOf("dlrm-kaggle");
  return Array.from({ length: count }, (_, row) => ({
    ...Object.fromEntries(numberNames.map((name, i) => [name, ((row + i) % 10) / 10])),
    ...Object.fromEntries(tables.map((rows, i) => [`field_${i}`, (row * 7919 + i * 104_729) % (rows - 2)])),
  }));
}
