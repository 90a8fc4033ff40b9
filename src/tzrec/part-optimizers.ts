import type { Config } from "../config/config.js";
import { type FeatureConfig, plainOf } from "../features/schema/features.js";
import { configuredFeatureInfos } from "../train/feature-info.js";
import { inferenceGraph, parametersOf } from "../train/step/model-graphs.js";
import { specOf } from "../train/step/model-spec.js";
import type { TrainInput } from "../train/train-config.js";
import { withinTime } from "../untrusted.js";
import type { ImportedModel } from "./map-models.js";
import { denseOptimizer, type MappedDense } from "./map-optimizers.js";
import type { Section } from "./section.js";
import { originOf } from "./weight-names.js";

type GroupOf = ImportedModel["groupOf"];
type Override = NonNullable<NonNullable<TrainInput["optimizer"]>["overrides"]>[number];

/** An optimizer of the dense weights whose whole names in TorchEasyRec match a regular expression. */
export interface PartOptimizer extends MappedDense {
  readonly section: Section;
  readonly pattern: RegExp;
}

/** `part_optimizers`; without a schedule of their own they have that of the dense optimizer. @throws ImportError */
export function partOptimizers(section: Section): PartOptimizer[] {
  return section.sections("part_optimizers").map((part) => {
    const schedule = part.which("learning_rate") === undefined ? section : part;
    return { section: part, pattern: patternOf(part), ...denseOptimizer(part, schedule) };
  });
}

function patternOf(part: Section): RegExp {
  const source = part.text("regex_pattern") ?? part.missing("regex_pattern");
  try {
    return new RegExp(`^(?:${source})$`, "s");
  } catch {
    throw part.error("regex_pattern", {
      what: "this regular expression has no counterpart",
      expected: "one that JavaScript has too",
      next: "Rewrite it.",
    });
  }
}

/**
 * The same as overrides, which name Pairloom's parameters one by one.
 * @param config without the overrides
 */
export function overridesOf(parts: readonly PartOptimizer[], config: Config, groupOf: GroupOf): Override[] {
  if (parts.length === 0) return [];
  const names = trainedNames(config, groupOf);
  const matches = parts.map((part) => matching(part, [...names.values()]));
  return parts.flatMap(({ section, optimizer, l2 }, i) => {
    const taken = new Set(matches.slice(0, i).flat());
    const matched = [...names].filter(([, there]) => matches[i].includes(there) && !taken.has(there));
    if (matched.length === 0) section.warn("regex_pattern", "matches no weight of the model");
    if (matched.length === 0) return [];
    const escaped = matched.map(([name]) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return [{ pattern: escaped.join("|"), dense: optimizer, l2 }];
  });
}

/** A sound pattern takes less than a millisecond for all names. */
const MOST_MILLISECONDS = 500;

/** The names that the pattern matches. @throws ImportError */
function matching({ section, pattern }: PartOptimizer, names: readonly string[]): string[] {
  const match = () => names.filter((name) => pattern.test(name));
  return withinTime(MOST_MILLISECONDS, match, () =>
    section.error("regex_pattern", {
      what: "this regular expression takes too long",
      expected: `one that is compared with the names of all weights in ${MOST_MILLISECONDS} ms`,
      next: "Rewrite it without repetitions of what is repeated or has alternatives, such as (a+)+.",
    }),
  );
}

/** The dense weights of the model, and their names in TorchEasyRec. */
function trainedNames(config: Config, groupOf: GroupOf): Map<string, string> {
  const graph = inferenceGraph(specOf(config, configuredFeatureInfos(config.features)));
  const dense = parametersOf(graph).filter(({ role }) => role === "dense");
  const all = new Set(parametersOf(graph).map(({ name }) => name));
  const pairs = dense.map(({ name }) => [name, nameThere(name, config, all, groupOf)] as const);
  return new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

function nameThere(
  name: string,
  config: Config,
  all: ReadonlySet<string>,
  groupOf: GroupOf,
): string | undefined {
  const [, feature, part = "scale"] =
    /^dense_embeddings\.(.+?)(?:\.(scale|mix|meta))?\.weight$/.exec(name) ?? [];
  if (feature !== undefined) return embeddingName(feature, part, config.features);
  const origin = originOf(name, config.model.kind, all, groupOf);
  return origin && `model.${origin.tail}`;
}

const PARTS: Readonly<Record<string, string>> = { scale: "proj_w", mix: "proj_m", meta: "meta_emb" };

/** Embeddings of numbers with equal settings are one module there. */
function embeddingName(name: string, part: string, features: readonly FeatureConfig[]): string {
  const feature = plainOf(features.find((each) => each.name === name)!) as {
    width: number;
    denseEmbedding: { kind: string; dim: number; channels?: number; keep?: number; temperature?: number };
  };
  const { dim, channels, keep, temperature } = feature.denseEmbedding;
  const real = (value: number) => value.toFixed(6).replace(".", "_");
  const vector = feature.width > 1 ? `#vdim#${feature.width}#feature_name#            ${name}` : "";
  const key =
    channels === undefined
      ? `mlp#${dim}${vector}`
      : `autodis#${dim}#${channels}#${real(keep!)}#${real(temperature!)}`;
  return `model.embedding_group.emb_impls.__BASE__.dense_ec.dense_embs.${key}.${PARTS[part]}`;
}
