import type { z } from "zod";
import { ConfigError } from "../errors.js";
import { unionOf } from "../kinds.js";
import { autoInt } from "./auto-int.js";
import { dcn } from "./dcn.js";
import { dcnV2 } from "./dcn-v2.js";
import { deepfm } from "./deepfm.js";
import { dlrm } from "./dlrm.js";
import { fm } from "./fm.js";
import { fwfm } from "./fwfm.js";
import { logisticRegression } from "./logistic-regression.js";
import { maskNet } from "./mask-net.js";
import { matrixFactorization } from "./matrix-factorization.js";
import { mlpModel } from "./mlp-model.js";
import type { ModelDefinition } from "./model.js";
import { multiTower } from "./multi-tower.js";
import { nfm } from "./nfm.js";
import { pnn } from "./pnn.js";
import { wideAndDeep } from "./wide-and-deep.js";
import { wukong } from "./wukong.js";
import { xdeepfm } from "./xdeepfm.js";

/** The models that a config can name by `kind`. */
const MODELS = [
  dlrm,
  logisticRegression,
  mlpModel,
  fm,
  matrixFactorization,
  wukong,
  dcn,
  dcnV2,
  pnn,
  fwfm,
  nfm,
  autoInt,
  maskNet,
  multiTower,
  wideAndDeep,
  deepfm,
  xdeepfm,
] as const;

export const modelSchema = unionOf(MODELS);

export type ModelInput = z.input<typeof modelSchema>;
export type ModelConfig = z.output<typeof modelSchema>;

const own = new Map<string, ModelDefinition>();

const builtIn: ReadonlyMap<string, ModelDefinition> = new Map(
  MODELS.map((model) => [model.kind, model as unknown as ModelDefinition]),
);

/** True if the kind is built in or registered. */
export function isModelKind(kind: string): boolean {
  return builtIn.has(kind) || own.has(kind);
}

/** The definition that a resolved config names. */
export function modelOf({ kind }: { readonly kind: string }): ModelDefinition {
  return own.get(kind) ?? builtIn.get(kind)!;
}

declare const OWN: unique symbol;
/** The config of a user's own model, as `registerModel` types it. */
export interface OwnModel {
  readonly kind: string;
  readonly [OWN]: true;
}

/**
 * Registers your own model, and returns the function that makes the `model` section of a config:
 * `model: myModel({ features: ["user", "item"] })`. Before a run of the model is opened, import the file that
 * registers it; registering a kind again replaces it.
 * @throws ConfigError where the kind is one of Pairloom's models
 */
export function registerModel<S extends z.ZodType<{ kind: string }>>(
  definition: ModelDefinition<S>,
): (config: Omit<z.input<S>, "kind">) => OwnModel {
  const { kind } = definition;
  if (builtIn.has(kind)) {
    throw new ConfigError({
      what: "the kind of a model is taken",
      where: "registerModel",
      got: JSON.stringify(kind),
      expected: `none of ${[...builtIn.keys()].join(", ")}`,
      next: "Give the model another kind.",
    });
  }
  own.set(kind, definition as unknown as ModelDefinition);
  return (config) => ({ ...config, kind }) as unknown as OwnModel;
}

/** The definition of a user's own model that a raw config names, if it names one. */
export function ownModelOf(config: unknown): ModelDefinition | undefined {
  const kind = (config as { model?: { kind?: unknown } } | null | undefined)?.model?.kind;
  return typeof kind === "string" ? own.get(kind) : undefined;
}
