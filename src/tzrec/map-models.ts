import type { z } from "zod";
import type { mlpSchema } from "../layers/mlp.js";
import type { ModelInput } from "../models/index.js";
import { initializerOf } from "./map-features.js";
import type { Section } from "./section.js";

interface EmbeddedGroup {
  readonly features: string[];
  readonly embeddingSuffix?: string;
}

type MlpInput = z.input<typeof mlpSchema>;

/** The feature groups of a config by name; it records which groups the model uses. */
class Groups {
  private readonly groups: ReadonlyMap<string, { features: string[]; section: Section }>;
  private readonly used = new Set<string>();

  constructor(model: Section) {
    this.groups = new Map(
      model.sections("feature_groups").map((section) => {
        const type = section.choice("group_type") ?? "DEEP";
        if (type !== "DEEP" && type !== "WIDE")
          throw section.unsupported("group_type", "Use DEEP or WIDE: turn sequences into bags of ids.");
        const name = section.text("group_name") ?? section.missing("group_name");
        return [name, { features: section.texts("feature_names"), section }];
      }),
    );
    if (this.groups.size === 0) model.missing("feature_groups");
  }

  find(name: string): string[] | undefined {
    const group = this.groups.get(name);
    group?.section.ignore(["embedding_name_suffix"], "has no effect: no other group uses these tables");
    return this.take(name)?.features;
  }

  /** A group that may share its tables with other groups, or have its own by a suffix. */
  embedded(name: string): EmbeddedGroup | undefined {
    const group = this.take(name);
    const embeddingSuffix = group?.section.text("embedding_name_suffix");
    return group && { features: group.features, ...(embeddingSuffix && { embeddingSuffix }) };
  }

  private take(name: string) {
    this.used.add(name);
    return this.groups.get(name);
  }

  get(name: string, model: Section): string[] {
    return this.find(name) ?? this.missing(name, model);
  }

  getEmbedded(name: string, model: Section): EmbeddedGroup {
    return this.embedded(name) ?? this.missing(name, model);
  }

  private missing(name: string, model: Section): never {
    throw model.error("feature_groups", {
      what: `the model needs a group "${name}"`,
      got: [...this.groups.keys()].join(", "),
      next: "Rename the group; TorchEasyRec needs this name too.",
    });
  }

  /** The group with the model's features: the only one, or the one called `name`. */
  sole(name: string): string[] {
    const [only] = this.groups.size === 1 ? this.groups.keys() : [name];
    return this.find(only) ?? [];
  }

  first(): string[] {
    return this.find([...this.groups.keys()][0])!;
  }

  refuseUnused(): void {
    for (const [name, { section }] of this.groups)
      if (!this.used.has(name)) section.warn("group_name", `"${name}" is not used by the model`);
  }
}

type Mapper = (settings: Section, groups: Groups, model: Section) => ModelInput;

/** `model_config`. @throws ImportError */
export function mapModel(root: Section): ModelInput {
  const model = root.required("model_config");
  const name = model.oneOf(Object.keys(MODELS)) ?? model.missing("dlrm");
  for (const each of ["variational_dropout"])
    if (model.has(each)) throw model.unsupported(each, "Remove it.");
  model.onlyDefault("use_pareto_loss_weight", false, "Remove it: Pairloom has one loss.");
  model.ignore(["kernel"], "concerns hardware");
  const groups = new Groups(model);
  const mapped = MODELS[name](model.section(name)!, groups, model);
  groups.refuseUnused();
  return mapped;
}

const MODELS: Readonly<Record<string, Mapper>> = {
  dlrm(settings, groups) {
    return {
      kind: "dlrm",
      ...denseAndSparse(settings, groups),
      final: mlp(settings.required("final")),
      archWithSparse: settings.boolean("arch_with_sparse") ?? true,
    };
  },

  wukong(settings, groups) {
    const layers = settings.sections("wukong_layers").map((layer) => ({
      linearFields: layer.number("lcb_feature_num") ?? layer.missing("lcb_feature_num"),
      interactionFields: layer.number("fmb_feature_num") ?? layer.missing("fmb_feature_num"),
      rank: layer.number("compressed_feature_num") ?? 16,
      mlp: mlp(layer.required("feature_num_mlp")),
    }));
    return {
      kind: "wukong",
      ...denseAndSparse(settings, groups),
      layers,
      final: mlp(settings.required("final")),
    };
  },

  deepfm(settings, groups, model) {
    const fm = groups.embedded("fm");
    return { kind: "deepfm", ...wideAndDeep(settings, groups, model), ...(fm && { fm }) };
  },

  wide_and_deep(settings, groups, model) {
    return { kind: "wideAndDeep", ...wideAndDeep(settings, groups, model) };
  },

  xdeepfm(settings, groups, model) {
    return {
      kind: "xdeepfm",
      wide: wide(settings, groups, model, 16),
      deep: { ...groups.getEmbedded("deep", model), mlp: mlp(settings.required("deep")) },
      cin: { layers: settings.required("cin").numbers("cin_layer_size") },
      final: mlp(settings.required("final")),
    };
  },

  dcn_v1(settings, groups) {
    return {
      kind: "dcn",
      features: groups.first(),
      cross: { layers: settings.section("cross_tower")?.number("cross_num") ?? 3 },
      deep: mlp(settings.required("deep_tower")),
      final: mlp(settings.required("final_dnn")),
    };
  },

  dcn_v2(settings, groups) {
    const cross = settings.section("cross");
    const backbone = settings.section("backbone");
    const deep = settings.section("deep");
    return {
      kind: "dcnV2",
      features: groups.first(),
      ...(backbone && { backbone: mlp(backbone) }),
      cross: { layers: cross?.number("cross_num") ?? 3, rank: cross?.number("low_rank") ?? 32 },
      ...(deep && { deep: mlp(deep) }),
      final: mlp(settings.required("final")),
    };
  },

  mask_net(settings, groups) {
    const net = settings.required("mask_net_module");
    const block = net.required("mask_block");
    const reductionRatio = block.number("reduction_ratio") ?? 1;
    if (reductionRatio === 0)
      throw block.unsupported(
        "aggregation_dim",
        "Set reduction_ratio instead: aggregation_dim divided by the width of the features.",
      );
    block.ignore(["aggregation_dim"], "has no effect if reduction_ratio is set (default 1)");
    const top = net.section("top_mlp");
    return {
      kind: "maskNet",
      features: groups.first(),
      structure: (net.boolean("use_parallel") ?? true) ? "parallel" : "serial",
      blocks: {
        count: net.number("n_mask_blocks") ?? net.missing("n_mask_blocks"),
        units: block.number("hidden_dim") ?? block.missing("hidden_dim"),
        reductionRatio,
      },
      ...(top && { mlp: mlp(top) }),
    };
  },
};

function denseAndSparse(settings: Section, groups: Groups) {
  const sparse = { features: groups.sole("sparse") };
  const features = groups.find("dense");
  const section = settings.section("dense_mlp");
  if (!features) {
    section?.ignore(section.names, "has no effect without a dense group");
    return { sparse };
  }
  return { dense: { features, mlp: mlp(section ?? settings.missing("dense_mlp")) }, sparse };
}

function wide(settings: Section, groups: Groups, model: Section, defaultDim: number) {
  const initializer = initializerOf(settings, "wide_init_fn");
  return {
    features: groups.get("wide", model),
    embeddingDim: settings.number("wide_embedding_dim") ?? defaultDim,
    ...(initializer && { initializer: initializer as { kind: "normal"; std: number } }),
  };
}

function wideAndDeep(settings: Section, groups: Groups, model: Section) {
  const final = settings.section("final");
  return {
    wide: wide(settings, groups, model, 4),
    deep: { ...groups.getEmbedded("deep", model), mlp: mlp(settings.required("deep")) },
    ...(final && { final: mlp(final) }),
  };
}

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
  PReLU: "prelu",
  Dice: "dice",
  Identity: "none",
};

function mlp(section: Section): MlpInput {
  const name = (section.text("activation") ?? "nn.ReLU")
    .trim()
    .replace(/^(torch\.)?nn\./, "")
    .replace(/\(\)$/, "");
  const activation = ACTIVATIONS[name];
  if (activation === undefined)
    throw section.error("activation", {
      what: "this activation has no counterpart",
      expected: Object.keys(ACTIVATIONS).filter(Boolean).join(", "),
      next: "Use one of them.",
    });
  const [batch, layer] = [section.boolean("use_bn") ?? false, section.boolean("use_ln") ?? false];
  if (batch && layer)
    throw section.error("use_ln", {
      what: "use_bn and use_ln cannot be used together",
      next: "Keep one of them.",
    });
  const norm = batch ? "batch" : layer ? "layer" : undefined;
  const dropout = section.numbers("dropout_ratio");
  const bias = section.boolean("bias") ?? true;
  return {
    hiddenUnits: section.numbers("hidden_units"),
    ...(activation !== "relu" && { activation }),
    ...(norm && { norm }),
    ...(dropout.some((rate) => rate > 0) && { dropout: dropout.length === 1 ? dropout[0] : dropout }),
    // With batch normalization neither system has a bias.
    ...(!bias && !batch && { bias: false }),
  };
}
