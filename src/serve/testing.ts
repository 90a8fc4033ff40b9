import type { Backend, DynamicTranslation } from "../backends/backend.js";
import { writeCheckpoint } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { fitFeatures } from "../features/fit.js";
import { selectBackend } from "../saved/backend.js";
import type { TrainedModel } from "../saved/model.js";
import { fittedFeatureInfos } from "../train/feature-info.js";
import { Parameters } from "../train/parameters.js";
import { compiled } from "../train/saved-executable.js";
import { inferenceGraph, parametersOf } from "../train/step/model-graphs.js";
import { specOf } from "../train/step/model-spec.js";
import { Translations } from "../train/translations.js";
import { MAX_BATCH } from "./run-model.js";

/** A model with its initial weights, without a checkpoint. Dynamic tables have the keys 0 to 9. */
export function untrainedModel(given: unknown, backend: Backend): TrainedModel {
  const { config, features, graph, parameters } = initialized(given, backend, 1);
  const translations = new Translations(backend, features);
  for (const each of translations.bound.values())
    if ("insert" in each)
      (each as DynamicTranslation).insert(BigInt64Array.from({ length: 10 }, (_, key) => BigInt(key)));
  const checkpoint = { dir: "", manifest: { step: 0 } } as TrainedModel["checkpoint"];
  const state = { checkpoint, attrs: [], parameters: parameters.memory, translations };
  const executable = compiled(graph, state, { backend, maxBatch: MAX_BATCH, threads: 1 });
  return { config, features, graph, checkpoint, ...executable };
}

/** Saves a model with its initial weights, which the step decides, as a checkpoint of a run. */
export async function saveInitial(runDir: string, given: unknown, step: number): Promise<void> {
  const { config, features, parameters } = initialized(given, selectBackend().backend, step);
  const state = { step, epoch: 0, epochStep: 0, seed: 0, reader: {}, trainer: {}, metrics: {} };
  const model = parameters.sources("model");
  await writeCheckpoint(runDir, { ...state, config, features, model, optimizer: new Map() });
}

function initialized(given: unknown, backend: Backend, seed: number) {
  const config = resolveConfig(given);
  const features = fitFeatures(config.features, { vocabularies: {}, numbers: {} });
  const graph = inferenceGraph(specOf(config, fittedFeatureInfos(features)));
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(seed);
  return { config, features, graph, parameters };
}
