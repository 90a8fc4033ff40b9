import type { RunRequest } from "../src/backends/backend.js";
import { type Ids, LABEL_COLUMN } from "../src/columns/columns.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";
import { trainingGraph } from "../src/train/step/model-graphs.js";
import { optimizerSchema } from "../src/train/step/optimizers.js";

/** The only feature, and its table. */
export const FIELD = "id";
const OPTIMIZERS = optimizerSchema.parse({ embedding: { kind: "adagrad", learningRate: 0.01 } });

/** The training step of a model that is hardly more than one table with Adagrad. */
export function oneTableGraph(
  dim: number,
  table: { readonly rows: number; readonly translation?: { readonly ids: number } },
) {
  const model = modelSchema.parse({
    ...{ kind: "dcnV2", features: [FIELD], embeddingDim: dim, cross: { layers: 1 } },
  });
  const initializer = { kind: "uniform", low: -0.01, high: 0.01 } as const;
  const feature: FeatureInfo = { kind: "id", name: FIELD, table: FIELD, initializer, ...table };
  const l2 = { dense: 0, embedding: 0, rows: "touched" } as const;
  return trainingGraph({ model, features: [feature] }, { optimizers: OPTIMIZERS, l2, weighted: false });
}

/** Trains on these ids, all with the label 0. */
export function trainingRequest(ids: Ids, batch: number, firstStep: number): RunRequest {
  const rows = ids.length;
  const steps = Math.ceil(rows / batch);
  return {
    columns: new Map([
      [FIELD, { kind: "id", data: ids, offset: 0, stride: 1 }],
      [LABEL_COLUMN, { kind: "number", data: new Float32Array(rows), offset: 0, stride: 1, width: 1 }],
    ]),
    ...{ rows, start: 0, count: rows, batch, seed: 0, firstStep, outputs: [] },
    scalars: new Map(Object.values(LEARNING_RATES).map((name) => [name, new Float32Array(steps).fill(0.01)])),
  };
}
