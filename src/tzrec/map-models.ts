import type { ModelInput } from "../models/index.js";
import { Groups } from "./feature-groups.js";
import { targetAttention } from "./group-sequences.js";
import { initializerOf } from "./initializers.js";
import type { ImportedFeature } from "./map-features.js";
import { mlp } from "./map-mlp.js";
import type { Section } from "./section.js";

type Mapper = (settings: Section, groups: Groups) => ModelInput;

/** A model, and where its tables are in a state dict. */
export interface ImportedModel {
  readonly model: ModelInput;
  /** See {@link Groups.suffixOf}. */
  readonly suffixOf: (tables: string) => string;
  /** See {@link Groups.ofScope}. */
  readonly groupOf: (scope: string) => string;
}

/**
 * `model_config`.
 * @param batchSize the rows of a batch, by which TorchEasyRec divides the regularizer of features
 * @throws ImportError
 */
export function mapModel(
  root: Section,
  features: readonly ImportedFeature[],
  batchSize: number,
): ImportedModel {
  const model = root.required("model_config");
  const name = model.oneOf(SUPPORTED_MODELS) ?? model.neededOf("model");
  model.onlyDefault("use_pareto_loss_weight", false, "Remove it: Pairloom has one loss.");
  model.ignore(["kernel"], "concerns hardware");
  const groups = new Groups(model, features, batchSize);
  const settings = model.section(name)!;
  const mapped = MODELS[name](settings, groups);
  if ((model.number("num_class") ?? 1) > 1 && "wide" in mapped && mapped.kind !== "xdeepfm")
    model.warn(
      name,
      "has one wide number per class in Pairloom, and one for all classes in TorchEasyRec; its weights cannot be imported",
    );
  if ("wide" in mapped) groups.checkWide(features.filter(({ table }) => table === undefined));
  groups.warnOfUnused();
  return {
    model: mapped,
    suffixOf: (tables) => groups.suffixOf(tables),
    groupOf: (scope) => groups.ofScope(scope),
  };
}

const MODELS: Readonly<Record<string, Mapper>> = {
  dlrm(settings, groups) {
    return {
      kind: "dlrm",
      ...denseAndSparse(settings, groups),
      final: mlp(settings.required("final")),
      archWithSparse: settings.boolean("arch_with_sparse"),
    };
  },

  wukong(settings, groups) {
    const layers = settings.sections("wukong_layers").map((layer) => ({
      linearFields: layer.number("lcb_feature_num") ?? layer.missing("lcb_feature_num"),
      interactionFields: layer.number("fmb_feature_num") ?? layer.missing("fmb_feature_num"),
      rank: layer.number("compressed_feature_num") ?? 16,
      mlp: mlp(layer.required("feature_num_mlp")),
    }));
    if (layers.length === 0) settings.missing("wukong_layers");
    return {
      kind: "wukong",
      ...denseAndSparse(settings, groups),
      layers,
      final: mlp(settings.required("final")),
    };
  },

  deepfm(settings, groups) {
    const fm = groups.shared("fm");
    return { kind: "deepfm", ...wideAndDeep(settings, groups), ...(fm && { fm }) };
  },

  wide_and_deep(settings, groups) {
    return { kind: "wideAndDeep", ...wideAndDeep(settings, groups) };
  },

  xdeepfm(settings, groups) {
    return {
      kind: "xdeepfm",
      wide: { ...groups.required("wide", "WIDE"), ...wideTables(settings) },
      deep: { ...groups.required("deep"), mlp: mlp(settings.required("deep")) },
      cin: { layers: settings.required("cin").numbers("cin_layer_size") },
      final: mlp(settings.required("final")),
    };
  },

  dcn_v1(settings, groups) {
    return {
      kind: "dcn",
      ...groups.first(),
      cross: { layers: settings.required("cross").number("cross_num") },
      deep: mlp(settings.required("deep")),
      final: mlp(settings.required("final")),
    };
  },

  dcn_v2(settings, groups) {
    const cross = settings.required("cross");
    const backbone = settings.section("backbone");
    const deep = settings.section("deep");
    return {
      kind: "dcnV2",
      ...groups.first(),
      ...(backbone && { backbone: mlp(backbone) }),
      cross: { layers: cross.number("cross_num"), rank: cross.number("low_rank") },
      ...(deep && { deep: mlp(deep) }),
      final: mlp(settings.required("final")),
    };
  },

  multi_tower: towers,

  multi_tower_din(settings, groups) {
    const din = settings.sections("din_towers").map((section) => ({ section, ...groups.sequence(section) }));
    const odd = din.find(({ sequenceSuffix }) => sequenceSuffix !== din[0].sequenceSuffix);
    if (odd) throw odd.section.error("input", OTHER_TABLES);
    return {
      ...towers(settings, groups),
      ...(din.length > 0 && {
        sequences: din.map(({ section, ...group }) => targetAttention(section, group)),
        sequenceSuffix: din[0].sequenceSuffix,
      }),
    };
  },

  mask_net(settings, groups) {
    const net = settings.required("mask_net_module");
    const block = net.required("mask_block");
    const top = net.section("top_mlp");
    return {
      kind: "maskNet",
      ...groups.first(),
      structure: net.boolean("use_parallel") ? "parallel" : "serial",
      blocks: {
        count: net.number("n_mask_blocks") ?? net.missing("n_mask_blocks"),
        units: block.number("hidden_dim") ?? block.missing("hidden_dim"),
        ...aggregation(block),
      },
      ...(top && { mlp: mlp(top) }),
    };
  },
};

/** The models that have a counterpart, by their names in TorchEasyRec. */
export const SUPPORTED_MODELS = Object.keys(MODELS);

const OTHER_TABLES = {
  what: "the group of this tower has another embedding_name_suffix than that of the first of din_towers",
  next: "Give the groups of all din_towers one suffix.",
};

function towers(settings: Section, groups: Groups): Extract<ModelInput, { kind: "multiTower" }> {
  return {
    kind: "multiTower",
    towers: settings.sections("towers").map((tower) => {
      const own = tower.section("mlp");
      return { ...groups.tower(tower), ...(own && { mlp: mlp(own) }) };
    }),
    final: mlp(settings.required("final")),
  };
}

/** The width of a mask's hidden layer. TorchEasyRec prefers the ratio, which is 1 where the file has none. */
function aggregation(block: Section): { reductionRatio?: number; aggregationUnits?: number } {
  const reductionRatio = block.number("reduction_ratio")!;
  if (reductionRatio === 0)
    return { aggregationUnits: block.number("aggregation_dim") ?? block.missing("aggregation_dim") };
  block.ignore(["aggregation_dim"], "has no effect unless reduction_ratio is 0 (default 1)");
  return { reductionRatio };
}

function denseAndSparse(settings: Section, groups: Groups) {
  const sparse = groups.sole("sparse");
  const dense = groups.shared("dense");
  const section = settings.section("dense_mlp");
  if (dense && dense.features !== sparse.features)
    return { dense: { ...dense, mlp: mlp(section ?? settings.missing("dense_mlp")) }, sparse };
  section?.ignore(section.names, "has no effect without a dense group");
  return { sparse };
}

function wideTables(settings: Section) {
  const initializer = initializerOf(settings, "wide_init_fn");
  return { embeddingDim: settings.number("wide_embedding_dim"), ...(initializer && { initializer }) };
}

function wideAndDeep(settings: Section, groups: Groups) {
  const final = settings.section("final");
  const wide = {
    ...groups.alone("wide", "linear", "WIDE"),
    ...wideTables(settings),
    followTrainable: true,
  };
  return {
    wide,
    deep: { ...groups.required("deep"), mlp: mlp(settings.required("deep")) },
    ...(final && { final: mlp(final) }),
  };
}
