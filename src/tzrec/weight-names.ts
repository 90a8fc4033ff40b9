/** Maps the names of Pairloom's parameters to those of TorchEasyRec. */

/** Where a parameter is in a model of TorchEasyRec. */
export interface WeightOrigin {
  /** Its name within the model: the end of its name in a state dict. */
  readonly tail: string;
  /** Stored transposed. */
  readonly transposed?: true;
  /** Models of TorchEasyRec do not have it; a state dict may. */
  readonly optional?: true;
  /** A part of the projection of an attention that follows that of `tail`. */
  readonly projected?: { readonly module: string; readonly part: number };
}

/** Rules from Pairloom's names to those of TorchEasyRec; `$1` is the matched group. The first matching rule is used. */
type Rule = readonly [pattern: RegExp, tail: string, transposed?: true];

const RULES: readonly Rule[] = [
  [/^output\.(weight|bias)$/, "output_mlp.$1"],
  // If the wide term has the only bias, it corresponds to the bias of the output.
  [/^linear\.bias$/, "output_mlp.bias"],

  [/^dense_embeddings\.([^/]+)\.scale\.weight$/, "proj_w_$1.weight"],
  [/^dense_embeddings\.([^/]+)\.mix\.weight$/, "proj_m_$1.weight"],
  [/^dense_embeddings\.([^/]+)\.meta\.weight$/, "meta_emb_$1.weight", true],
  [/^dense_embeddings\.([^/]+)\.weight$/, "proj_w_$1.weight", true],

  [/^cin\.(\d+)\.(weight|bias)$/, "cin.cin_layers.$1.$2"],

  [/^cross\.(\d+)\.down\.weight$/, "cross.u_kernels.$1.weight"],
  [/^cross\.(\d+)\.up\.(weight|bias)$/, "cross.v_kernels.$1.$2"],
  [/^cross\.(\d+)\.weight$/, "cross.w.$1.weight"],
  [/^cross\.(\d+)\.bias$/, "cross.b.$1"],

  [/^layers\.(\d+)\.linear\.weight$/, "_wukong_layers.$1.lcb.weight", true],
  [/^layers\.(\d+)\.residual\.weight$/, "_wukong_layers.$1.residual_projection.weight", true],
  [/^layers\.(\d+)\.interaction\.compress\.weight$/, "_wukong_layers.$1.fmb.weight", true],
  [/^layers\.(\d+)\.interaction\.output\.(weight|bias)$/, "_wukong_layers.$1.fmb.feature_out_liner.$2"],
  [/^layers\.(\d+)\.interaction\.norm\.(\w+)$/, "_wukong_layers.$1.fmb.norm.$2"],
  [/^layers\.(\d+)\.norm\.(\w+)$/, "_wukong_layers.$1.norm.$2"],

  [/^norm\.(\w+)$/, "mask_net_layer.ln_emb.$1"],
  [/^blocks\.(\d+)\.mask\.0\.(weight|bias)$/, "mask_net_layer.mask_blocks.$1.mask_generator.0.$2"],
  [/^blocks\.(\d+)\.mask\.1\.(weight|bias)$/, "mask_net_layer.mask_blocks.$1.mask_generator.2.$2"],
  [/^blocks\.(\d+)\.hidden\.(weight|bias)$/, "mask_net_layer.mask_blocks.$1.ffn.0.$2"],
  [/^blocks\.(\d+)\.norm\.(\w+)$/, "mask_net_layer.mask_blocks.$1.ffn.1.$2"],
];

/** Pairloom's MLPs, and their names in TorchEasyRec. */
const MLPS: readonly (readonly [RegExp, string])[] = [
  [/^dense_mlp\./, "dense_mlp"],
  [/^deep_mlp\./, "deep_mlp"],
  [/^final_mlp\./, "final_mlp"],
  [/^backbone_mlp\./, "backbone"],
  [/^layers\.(\d+)\.interaction\.mlp\./, "_wukong_layers.$1.fmb.mlp"],
  [/^mlp\./, "mask_net_layer.top_mlp"],
  [/^(towers\.\d+)\.mlp\./, "$1"],
];

/** Modules that a model calls otherwise than the others. */
const OWN_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  xdeepfm: { deep_mlp: "deep", final_mlp: "final" },
  dcn: { deep_mlp: "deep", final_mlp: "final_dnn", output_mlp: "output_linear" },
  dcnV2: { deep_mlp: "deep", final_mlp: "final" },
  maskNet: { output_mlp: "output_linear" },
};

/** Models whose last layer has no bias there (`output_linear` and `output_mlp` with `bias=False`). */
const WITHOUT_OUTPUT_BIAS = ["dcn", "dcnV2", "maskNet"];

const NORM_NAMES: Readonly<Record<string, string>> = {
  gamma: "weight",
  beta: "bias",
  running_mean: "running_mean",
  running_variance: "running_var",
};

/**
 * @param name of a parameter that is not a table
 * @param model its kind in Pairloom
 * @param all the names of all parameters of the model
 * @param groupOf the group that has the parameters of a scope, such as `deep_sequences` or `towers.0`
 */
export function originOf(
  name: string,
  model: string,
  all: ReadonlySet<string>,
  groupOf: (scope: string) => string,
): WeightOrigin | undefined {
  const [, scope, encoder, part] = /^((?:towers\.\d+\.)?\w*sequences)\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (scope === "sequences" && model === "multiTower")
    return encoderOrigin(`${DIN_TOWERS}.${encoder}`, part, all);
  if (scope !== undefined) return encoderOrigin(`${ENCODERS}.${groupOf(scope)}.${encoder}`, part, all);
  const [, dropout] = /^(.*dropout)\.logits$/.exec(name) ?? [];
  if (dropout !== undefined) return { tail: `${DROPOUTS}.${groupOf(dropout)}.feature_p` };
  if (name === "linear.bias" && all.has("output.bias")) return undefined;
  const origin = ruleFor(name) ?? mlpRule(name, all);
  if (!origin) return undefined;
  const tail = origin.tail.replace(/^towers\.\d+/, (tower) => `towers.${groupOf(tower)}`);
  const [module] = tail.split(".");
  const optional = name === "output.bias" && WITHOUT_OUTPUT_BIAS.includes(model);
  return {
    ...origin,
    ...(optional && { optional }),
    tail: tail.replace(module, OWN_NAMES[model]?.[module] ?? module),
  };
}

const ENCODERS = "embedding_group._group_name_to_seq_encoders";
const DIN_TOWERS = "din_towers";
const DROPOUTS = "group_variational_dropouts";

/** How many numbers each feature of a group has; the config says it too. */
export const KNOWN_SIZES = new RegExp(`${DROPOUTS}\\.\\w+\\.feature_dim_repeat$`);

/** How many batches a batch normalization has seen; its momentum is fixed, so that nothing depends on it. */
export const BATCHES_COUNTED = /\.num_batches_tracked$/;

/** Biases that have no effect, because a softmax takes them away. Those of multi_window_din_encoder have one. */
export const WITHOUT_EFFECT = new RegExp(`(${ENCODERS}\\.\\w+|${DIN_TOWERS})\\.\\d+\\.(_key|linear)\\.bias$`);

const PROJECTIONS = ["query", "key", "value"];

/** @param part such as `score.weight` */
function encoderOrigin(module: string, part: string, all: ReadonlySet<string>): WeightOrigin | undefined {
  if (part.startsWith("mlp.")) {
    const tail = perceptronName("mlp.", part.slice("mlp.".length), all);
    return tail === undefined ? undefined : { tail: `${module}.mlp.mlp.${tail}` };
  }
  const [own, kind] = part.split(".");
  if (part === "score.prelu.alpha") return { tail: `${module}.active.weight` };
  if (own === "score") return { tail: `${module}.linear.${kind}` };
  if (own === "output") return { tail: `${module}._multihead_attn.out_proj.${kind}` };
  const projected = { module: `${module}._multihead_attn`, part: PROJECTIONS.indexOf(own) };
  return { tail: `${module}._${own}.${kind}`, projected };
}

function ruleFor(name: string): WeightOrigin | undefined {
  const rule = RULES.find(([pattern]) => pattern.test(name));
  if (!rule) return undefined;
  const [pattern, tail, transposed] = rule;
  const renamed = name.replace(pattern, tail).replace(/\.(gamma|beta)$/, (_, own) => `.${NORM_NAMES[own]}`);
  return { tail: renamed, ...(transposed && { transposed }) };
}

function mlpRule(name: string, all: ReadonlySet<string>): WeightOrigin | undefined {
  for (const [pattern, there] of MLPS) {
    const [prefix] = pattern.exec(name) ?? [];
    if (prefix === undefined) continue;
    const tail = perceptronName(prefix, name.slice(prefix.length), all);
    return tail === undefined ? undefined : { tail: `${prefix.replace(pattern, there)}.mlp.${tail}` };
  }
  return undefined;
}

/** `0.norm.gamma` -> `0.perceptron.1.weight`: linear, norm and activation are numbered in their order. */
function perceptronName(prefix: string, rest: string, all: ReadonlySet<string>): string | undefined {
  const [, layer, part] = /^(\d+)\.(.+)$/.exec(rest) ?? [];
  if (layer === undefined) return undefined;
  if (part === "weight" || part === "bias") return `${layer}.perceptron.0.${part}`;
  const [kind, ...own] = part.split(".");
  if (kind === "norm") return `${layer}.perceptron.1.${NORM_NAMES[own[0]]}`;
  const at = all.has(`${prefix}${layer}.norm.gamma`) ? 2 : 1;
  if (kind === "prelu") return `${layer}.perceptron.${at}.weight`;
  if (kind !== "dice") return undefined;
  return `${layer}.perceptron.${at}.${own[0] === "norm" ? `bn.${NORM_NAMES[own[1]]}` : own[0]}`;
}
