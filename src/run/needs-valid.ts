import type { Config } from "../config/config.js";
import { ConfigError } from "../errors.js";

/** Refuses settings that need a validation split, if there is none. @throws ConfigError */
export function refuseUnusedEvaluation({ data, train }: Config): void {
  if (data.valid !== undefined || data.split?.valid !== undefined) return;
  const setting = evaluationSettings(train)[0];
  if (setting === undefined) return;
  throw new ConfigError({
    what: "this needs a validation split, and there is none",
    where: setting,
    got: data.split ? "no data.split.valid" : "no data.valid",
    expected: "rows to evaluate on while training",
    next: `Add ${data.split ? "data.split.valid" : "data.valid"}, or remove ${setting}.`,
  });
}

type Optimizer = Config["train"]["optimizer"]["dense" | "embedding"] | undefined;

function evaluationSettings({ earlyStopping, evaluateEvery, optimizer }: Config["train"]): string[] {
  const { dense, embedding, overrides } = optimizer;
  const optimizers: [string, Optimizer][] = [
    ["dense", dense],
    ["embedding", embedding],
    ...overrides.flatMap((each, i): [string, Optimizer][] => [
      [`overrides[${i}].dense`, each.dense],
      [`overrides[${i}].embedding`, each.embedding],
    ]),
  ];
  const watching = optimizers.filter(([, each]) => each?.schedule?.kind === "reduceOnPlateau");
  return [
    ...(earlyStopping === undefined ? [] : ["train.earlyStopping"]),
    ...(evaluateEvery === undefined ? [] : ["train.evaluateEvery"]),
    ...watching.map(([name]) => `train.optimizer.${name}.schedule`),
  ];
}
