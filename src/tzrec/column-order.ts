import type { ModelConfig } from "../models/index.js";
import type { ImportedFeature } from "./map-features.js";

/**
 * TorchEasyRec concatenates the features of a group in the order of the group; Pairloom puts embeddings before numbers. So
 * weights that are multiplied with the concatenated features must be reordered.
 */
export interface ColumnOrder {
  /** The TorchEasyRec column of each Pairloom column. */
  readonly columns: readonly number[];
  /** The axis of the parameter along which these columns lie (at its beginning, where the axis is longer). */
  readonly axis: 0 | 1;
}

/** The order of a parameter's columns; `undefined` if it is the same in both systems. */
export function columnOrder(
  name: string,
  model: ModelConfig,
  features: readonly ImportedFeature[],
): ColumnOrder | undefined {
  const names = groupOf(name, model);
  if (name.endsWith("dropout.logits")) return { columns: columnsOf(names, features, () => 1), axis: 0 };
  const axis = axisRules(model).find(([pattern]) => pattern.test(name))?.[1];
  return axis === undefined ? undefined : { columns: columnsOf(names, features), axis };
}

/** The group whose features a parameter is about. */
function groupOf(name: string, model: ModelConfig): readonly string[] {
  if ("features" in model) return model.features;
  const [, tower] = /^towers\.(\d+)/.exec(name) ?? [];
  if ("towers" in model) return model.towers[Number(tower ?? 0)].features;
  const [, group = "deep"] = /^(\w+?)_(?:mlp|dropout)\./.exec(name.replace("linear.", "wide_")) ?? [];
  const found: unknown = (model as Record<string, unknown>)[group];
  return (found as { features?: readonly string[] } | undefined)?.features ?? [];
}

/** @param size of a feature; default: its width */
function columnsOf(
  names: readonly string[],
  features: readonly ImportedFeature[],
  size = ({ width }: ImportedFeature) => width,
): number[] {
  const byName = new Map(features.map((feature) => [feature.config.name, feature]));
  let next = 0;
  const parts = names.map((name) => {
    const feature = byName.get(name)!;
    const columns = Array.from({ length: size(feature) }, () => next++);
    return { columns, embedded: feature.isEmbedded };
  });
  const ours = [...parts.filter(({ embedded }) => embedded), ...parts.filter(({ embedded }) => !embedded)];
  return ours.flatMap(({ columns }) => columns);
}

type AxisRule = readonly [RegExp, 0 | 1];

function axisRules(model: ModelConfig): AxisRule[] {
  const first: AxisRule = [/^(deep_mlp|backbone_mlp|dense_mlp|towers\.\d+\.mlp)\.0\.weight$/, 1];
  switch (model.kind) {
    case "dcn":
      return [first, [/^cross\.\d+\.weight$/, 1], [/^cross\.\d+\.bias$/, 0], [/^final_mlp\.0\.weight$/, 1]];
    case "dcnV2":
      // After a backbone no other weight is multiplied with the features.
      if (model.backbone) return [first];
      return [
        first,
        [/^cross\.\d+\.down\.weight$/, 1],
        [/^cross\.\d+\.up\./, 0],
        [/^final_mlp\.0\.weight$/, 1],
      ];
    case "maskNet": {
      const block = model.structure === "parallel" ? "\\d+" : "0";
      return [
        [/^norm\./, 0],
        [/^blocks\.\d+\.mask\.0\.weight$/, 1],
        [new RegExp(`^blocks\\.${block}\\.mask\\.1\\.`), 0],
        [new RegExp(`^blocks\\.${block}\\.hidden\\.weight$`), 1],
      ];
    }
    default:
      return [first];
  }
}
