import { writeFile } from "node:fs/promises";
import { type FittedFeature, missingOf } from "../features/fitted.js";
import type { TrainedModel } from "../saved/model.js";
import type { OnnxInput } from "./onnx/onnx-graph.js";

interface Ports {
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
}

/**
 * Writes what a caller must know to make the inputs of an exported model from raw values.
 * @returns the path: `model.inputs.json` of `model.onnx`
 */
export async function describeInputs(path: string, model: TrainedModel, ports: Ports): Promise<string> {
  const features = new Map(model.features.features.map((feature) => [feature.name, feature]));
  const inputs = ports.inputs.map((input) => {
    const feature = features.get(input.name) ?? features.get(input.name.replace(/\.[^.]+$/, ""));
    return { ...input, ...(feature && describe(feature)) };
  });
  const { name, manifest } = model.checkpoint;
  const described = { checkpoint: name, step: manifest.step, inputs, outputs: ports.outputs };
  const file = `${path.replace(/\.onnx$/, "")}.inputs.json`;
  await writeFile(file, `${JSON.stringify(described, null, 2)}\n`);
  return file;
}

/** Its columns, and how their values become ids or numbers. */
function describe(feature: FittedFeature): object {
  const { name, reading } = feature;
  const how =
    feature.kind === "number"
      ? { transform: feature.transform, missing: feature.missing }
      : { mapping: feature.mapping, missing: missingOf(feature) };
  return { feature: name, columns: reading.columns, ...how };
}
