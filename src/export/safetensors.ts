import { rmSync } from "node:fs";
import type { DynamicTranslation } from "../backends/backend.js";
import { SafetensorsFile, type TensorSource, writeSafetensors } from "../checkpoint/index.js";
import { width } from "../graph/tensor.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { selectBackend } from "../saved/backend.js";
import type { TrainedModel } from "../saved/model.js";
import { INFERENCE_BATCH, predictLogits } from "../train/evaluate.js";
import { memberNames } from "../train/members.js";
import { readParameter } from "../train/parameter-memory.js";
import { Parameters } from "../train/parameters.js";
import { LOGITS, parametersOf } from "../train/step/model-graphs.js";
import { Translations } from "../train/translations.js";
import type { ScoredRows } from "./scored-rows.js";
import { copyOf } from "./tensor-copy.js";

/** What the parameters of these modules are called in PyTorch, where it has another name. */
const TORCH_NAMES: readonly (readonly [ours: RegExp, theirs: string])[] = [
  [/\.norm\.gamma$/, ".norm.weight"],
  [/\.norm\.beta$/, ".norm.bias"],
  [/\.norm\.running_variance$/, ".norm.running_var"],
  [/\.prelu\.alpha$/, ".prelu.weight"],
];

/** The name of a parameter in a PyTorch module. */
const torchName = (name: string): string =>
  TORCH_NAMES.reduce((text, [ours, theirs]) => text.replace(ours, theirs), name);

/**
 * Writes all weights, tables and statistics of a model to one safetensors file, under the names that PyTorch gives them. A
 * dynamic table `x.weight` has the keys of its rows from row 1 on in `x.keys`.
 */
export async function exportSafetensors(model: TrainedModel, path: string): Promise<string[]> {
  const tensors = await model.checkpoint.openModel();
  try {
    const attrs = parametersOf(model.graph);
    const weights = attrs.map((each): [string, TensorSource] => [
      torchName(each.name),
      copyOf(each.name, tensors),
    ]);
    rmSync(path, { force: true });
    await writeSafetensors(path, new Map([...weights, ...attrs.flatMap((each) => keysOf(each, model))]));
    return [path];
  } finally {
    await tensors.close();
  }
}

function keysOf({ name, byKey, translation }: ParameterAttrs, model: TrainedModel): [string, TensorSource][] {
  if (!byKey) return [];
  const { keys, rows } = (model.translations.get(translation!) as DynamicTranslation).keys();
  const data = new BigInt64Array(keys.length);
  for (const [i, row] of rows.entries()) data[row - 1] = keys[i];
  return [[name.replace(/weight$/, "keys"), { dtype: "I64", shape: [keys.length], data }]];
}

/** The logits of the model with the numbers of the file. */
export async function scoreSafetensors(
  { graph, features, checkpoint }: TrainedModel,
  path: string,
  { columns }: ScoredRows,
): Promise<Float32Array> {
  const { backend } = selectBackend();
  // Not those of the model: where it keeps a part of the rows in memory, they lead to that part.
  const members = memberNames(checkpoint.manifest.members);
  const translations = new Translations(backend, features, { members });
  await translations.load(checkpoint, parametersOf(graph));
  const parameters = new Parameters(backend, parametersOf(graph));
  const file = await SafetensorsFile.open(path);
  try {
    for (const each of parameters.model) await readParameter(file, torchName(each.attrs.name), each);
  } finally {
    await file.close();
  }
  const executable = backend.compile(graph, parameters.memory, {
    maxBatch: INFERENCE_BATCH,
    translations: translations.bound,
    frozen: true,
  });
  return predictLogits(executable, columns, width(graph.outputs.get(LOGITS)!));
}
