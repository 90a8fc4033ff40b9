import type { DynamicTranslation, Translation } from "../../backends/backend.js";
import {
  type FittedBag,
  type FittedFeature,
  type FittedFeatures,
  type FittedId,
  hasWeights,
} from "../../features/fitted.js";
import { synonymRows } from "../../features/vocabulary.js";
import type { Graph } from "../../graph/graph.js";
import type { IdPart } from "../../graph/translation.js";
import { translate } from "../../ops/translate.js";
import type { TrainedModel } from "../../saved/model.js";
import { memberNames } from "../../train/members.js";
import { computedTranslations } from "../../train/translations.js";
import type { InputTexts, OnnxLookup, OnnxSource } from "./onnx-graph.js";

/** What an ONNX graph needs to know of a model's features and translations, which it freezes. */
export function onnxSourceOf({ features, graph, translations, checkpoint }: TrainedModel): OnnxSource {
  const members = memberNames(checkpoint.manifest.members)?.map((name) => `${name}.`) ?? [""];
  const computed = computedTranslations(features.features, members);
  return {
    weighted: new Set(features.features.filter(hasWeights).map(({ name }) => name)),
    texts: new Map(features.features.flatMap((feature) => textsOf(feature, features))),
    lookups: lookupsOf(graph, translations, computed),
  };
}

/** No table has as many rows, so that a lookup fails. */
const REFUSED = 2 ** 52;

function textsOf(feature: FittedFeature, { vocabularies }: FittedFeatures): [string, InputTexts][] {
  if (feature.kind === "number" || feature.mapping.kind !== "vocabulary") return [];
  const { vocabulary, unknownRow } = feature.mapping;
  const texts = vocabularies[vocabulary];
  const synonyms = synonymRows(feature.mapping.synonyms, texts);
  return [[feature.name, { texts, synonyms, unknown: unknownRow ?? REFUSED, missing: missingIdOf(feature) }]];
}

/** Of the ids of a plain bag, none is missing. */
function missingIdOf(feature: FittedId | FittedBag): number {
  const missing = feature.kind === "id" ? feature.missingRow : feature.sequence?.missingEntry;
  return typeof missing === "number" ? missing : REFUSED;
}

function lookupsOf(
  graph: Graph,
  translations: ReadonlyMap<string, Translation>,
  computed: ReadonlyMap<string, IdPart>,
): Map<string, OnnxLookup> {
  const limits = new Map(graph.nodes.map(({ outputs: [out], attrs }) => [out, attrs.limit as number]));
  const nodes = graph.nodes.filter(({ op }) => op === translate);
  return new Map(
    nodes.map(({ attrs: { name }, inputs: [ids] }) => {
      const lookup = computed.get(name) ?? frozen(translations.get(name)!, limits.get(ids)!);
      return [name as string, lookup];
    }),
  );
}

function frozen(translation: Translation, limit: number): OnnxLookup {
  if ("keys" in translation) {
    const { keys, rows } = (translation as DynamicTranslation).keys();
    return { kind: "keys", keys, rows: BigInt64Array.from(rows, BigInt) };
  }
  const ids = BigInt64Array.from({ length: limit }, (_, id) => BigInt(id));
  return { kind: "rows", rows: BigInt64Array.from(translation.translate(ids), BigInt) };
}
