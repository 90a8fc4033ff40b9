import { z } from "zod";
import { dlrm } from "./dlrm.js";
import { fm } from "./fm.js";
import { logisticRegression } from "./logistic-regression.js";
import { matrixFactorization } from "./matrix-factorization.js";
import { mlpModel } from "./mlp-model.js";
import type { ModelDefinition } from "./model.js";

/** The models that a config can name by `kind`. */
export const MODELS = { dlrm, logisticRegression, mlp: mlpModel, fm, matrixFactorization } as const;

export const modelSchema = z.discriminatedUnion("kind", [
  dlrm.schema,
  logisticRegression.schema,
  mlpModel.schema,
  fm.schema,
  matrixFactorization.schema,
]);

export type ModelInput = z.input<typeof modelSchema>;
export type ModelConfig = z.output<typeof modelSchema>;

export function modelOf(config: ModelConfig): ModelDefinition {
  return MODELS[config.kind] as ModelDefinition;
}
