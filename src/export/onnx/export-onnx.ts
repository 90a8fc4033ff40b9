import type { Tensors } from "../../checkpoint/index.js";
import { type Graph, GraphBuilder } from "../../graph/graph.js";
import type { Numbers } from "../../half.js";
import type { TrainedModel } from "../../saved/model.js";
import { factsOf } from "../../train/step/loss/index.js";
import { LOGITS } from "../../train/step/model-graphs.js";
import { describeInputs } from "../inputs-file.js";
import type { ScoredRows } from "../scored-rows.js";
import { feedsOf } from "./feeds.js";
import { onnxSourceOf } from "./model-source.js";
import { openOnnx, scoreOnnx } from "./runtime.js";
import { type ParameterValues, writeOnnx } from "./write.js";

/** The output with what `predict` returns, beside the logits. */
const PREDICTIONS = "predictions";

/**
 * Writes a model as `path`, with a JSON file beside it that describes its inputs, and a data file if it is large.
 * @returns the files
 */
export async function exportOnnx(model: TrainedModel, path: string): Promise<string[]> {
  const tensors = await model.checkpoint.openModel();
  try {
    const written = await writeOnnx(path, withPredictions(model), onnxSourceOf(model), valuesOf(tensors));
    const inputs = await describeInputs(path, model, written);
    return [path, inputs, ...(written.data === undefined ? [] : [written.data])];
  } finally {
    await tensors.close();
  }
}

/** The logits of an exported model for rows, by onnxruntime. @throws ExecutionError if that is not installed */
export async function scoreWithOnnx(
  model: TrainedModel,
  path: string,
  rows: ScoredRows,
): Promise<Float32Array> {
  const session = await openOnnx(path);
  const feeds = feedsOf(rows.columns, onnxSourceOf(model));
  const used = [...feeds].filter(([name]) => session.inputNames.includes(name));
  return (await scoreOnnx(session, new Map(used))).get(LOGITS)!;
}

function withPredictions({ graph, config }: TrainedModel): Graph {
  const { task } = factsOf(config.train.loss);
  const builder = new GraphBuilder(graph);
  builder.output(PREDICTIONS, task.predicted(builder, graph.outputs.get(LOGITS)!));
  return builder.finish();
}

function valuesOf(tensors: Tensors): ParameterValues {
  return {
    shapeOf: (name) => tensors.tensors.get(name)!.shape,
    read: (name: string, from: number, into: Numbers) => tensors.readInto(name, into, from),
  };
}
