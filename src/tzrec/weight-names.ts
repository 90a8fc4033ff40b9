/** Maps the names of Pairloom's parameters to those of TorchEasyRec. */

/** Candidate name endings in the state dict; the first that exists is used. */
export interface WeightOrigin {
  readonly tails: readonly string[];
  /** Stored transposed. */
  readonly transposed?: true;
}

/** Rules from Pairloom's names to those of TorchEasyRec; `$1` is the matched group. The first matching rule is used. */
type Rule = readonly [pattern: RegExp, tails: readonly string[], transposed?: true];

const RULES: readonly Rule[] = [
  [/^output\.(weight|bias)$/, ["output_mlp.$1", "output_linear.$1"]],
  // If the wide term has the only bias, it corresponds to the bias of the output.
  [/^linear\.bias$/, ["output_mlp.bias"]],

  [/^cin\.(\d+)\.(weight|bias)$/, ["cin.cin_layers.$1.$2"]],

  [/^cross\.(\d+)\.down\.weight$/, ["cross.u_kernels.$1.weight"]],
  [/^cross\.(\d+)\.up\.(weight|bias)$/, ["cross.v_kernels.$1.$2"]],
  [/^cross\.(\d+)\.weight$/, ["cross.w.$1.weight"]],
  [/^cross\.(\d+)\.bias$/, ["cross.b.$1"]],

  [/^layers\.(\d+)\.linear\.weight$/, ["_wukong_layers.$1.lcb.weight"], true],
  [/^layers\.(\d+)\.residual\.weight$/, ["_wukong_layers.$1.residual_projection.weight"], true],
  [/^layers\.(\d+)\.interaction\.compress\.weight$/, ["_wukong_layers.$1.fmb.weight"], true],
  [/^layers\.(\d+)\.interaction\.output\.(weight|bias)$/, ["_wukong_layers.$1.fmb.feature_out_liner.$2"]],
  [/^layers\.(\d+)\.interaction\.norm\.(\w+)$/, ["_wukong_layers.$1.fmb.norm.$2"]],
  [/^layers\.(\d+)\.norm\.(\w+)$/, ["_wukong_layers.$1.norm.$2"]],

  [/^norm\.(\w+)$/, ["ln_emb.$1"]],
  [/^blocks\.(\d+)\.mask\.0\.(weight|bias)$/, ["mask_blocks.$1.mask_generator.0.$2"]],
  [/^blocks\.(\d+)\.mask\.1\.(weight|bias)$/, ["mask_blocks.$1.mask_generator.2.$2"]],
  [/^blocks\.(\d+)\.hidden\.(weight|bias)$/, ["mask_blocks.$1.ffn.0.$2"]],
  [/^blocks\.(\d+)\.norm\.(\w+)$/, ["mask_blocks.$1.ffn.1.$2"]],
];

/** Pairloom's MLPs, and their names in TorchEasyRec. */
const MLPS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^dense_mlp\./, ["dense_mlp"]],
  [/^deep_mlp\./, ["deep_mlp", "deep"]],
  [/^final_mlp\./, ["final_mlp", "final", "final_dnn"]],
  [/^backbone_mlp\./, ["backbone"]],
  [/^layers\.(\d+)\.interaction\.mlp\./, ["_wukong_layers.$1.fmb.mlp"]],
  [/^mlp\./, ["top_mlp"]],
];

const NORM_NAMES: Readonly<Record<string, string>> = {
  gamma: "weight",
  beta: "bias",
  running_mean: "running_mean",
  running_variance: "running_var",
};

/**
 * @param name of a parameter that is not a table
 * @param all the names of all parameters of the model
 */
export function originOf(name: string, all: ReadonlySet<string>): WeightOrigin | undefined {
  if (name === "linear.bias" && all.has("output.bias")) return undefined;
  for (const [pattern, tails, transposed] of RULES) {
    if (!pattern.test(name)) continue;
    const renamed = tails.map((tail) =>
      name.replace(pattern, tail).replace(/\.(gamma|beta)$/, (_, own) => `.${NORM_NAMES[own]}`),
    );
    return { tails: renamed, ...(transposed && { transposed }) };
  }
  for (const [pattern, prefixes] of MLPS) {
    const [prefix] = pattern.exec(name) ?? [];
    if (prefix === undefined) continue;
    const tail = perceptronName(prefix, name.slice(prefix.length), all);
    if (tail === undefined) return undefined;
    return { tails: prefixes.map((there) => `${prefix.replace(pattern, there)}.mlp.${tail}`) };
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
