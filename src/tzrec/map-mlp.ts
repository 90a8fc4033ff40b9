import type { z } from "zod";
import type { mlpSchema } from "../layers/mlp.js";
import type { Section } from "./section.js";

type MlpInput = z.input<typeof mlpSchema>;

const ACTIVATIONS: Readonly<Record<string, MlpInput["activation"]>> = {
  "": "none",
  ReLU: "relu",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
  LeakyReLU: "leakyRelu",
  SiLU: "silu",
  GELU: "gelu",
  Softplus: "softplus",
  ELU: "elu",
  PReLU: { kind: "prelu", shared: true },
  Dice: { kind: "dice", affine: false },
  Identity: "none",
};

/** `nn.ReLU`, `torch.nn.LeakyReLU(negative_slope=0.2)` */
function activationOf(section: Section): MlpInput["activation"] {
  const name = section
    .text("activation")!
    .trim()
    .replace(/^(torch\.)?nn\./, "")
    .replace(/\(\)$/, "");
  const [, slope] = /^LeakyReLU\(negative_slope=([\d.e+-]+)\)$/.exec(name.replaceAll(" ", "")) ?? [];
  if (Number(slope) === 0.01) return "leakyRelu";
  if (slope !== undefined && Number.isFinite(Number(slope)))
    return { kind: "leakyRelu", slope: Number(slope) };
  if (Object.hasOwn(ACTIVATIONS, name)) return ACTIVATIONS[name];
  throw section.error("activation", {
    what: "this activation has no counterpart",
    expected: `${Object.keys(ACTIVATIONS).filter(Boolean).join(", ")}, LeakyReLU(negative_slope=…)`,
    next: "Use one of them.",
  });
}

/** An MLP of TorchEasyRec. @throws ImportError for an activation without a counterpart */
export function mlp(section: Section): MlpInput {
  const activation = activationOf(section);
  const [batch, layer] = [section.boolean("use_bn"), section.boolean("use_ln")];
  if (batch && layer)
    throw section.error("use_ln", {
      what: "use_bn and use_ln cannot be used together",
      next: "Keep one of them.",
    });
  const norm = batch ? "batch" : layer ? "layer" : undefined;
  const dropout = section.numbers("dropout_ratio");
  const bias = section.boolean("bias");
  return {
    hiddenUnits: section.numbers("hidden_units"),
    ...(activation !== "relu" && { activation }),
    ...(norm && { norm }),
    ...(dropout.some((rate) => rate !== 0) && { dropout: dropout.length === 1 ? dropout[0] : dropout }),
    // With batch normalization neither system has a bias.
    ...(!bias && !batch && { bias: false }),
  };
}
